begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(8);

create table runs (id int primary key, status text);
create table jobs (id int primary key, status text);
select from tocsin.watch_runs('runs', p_options => '{"source_id": "mine"}');

select throws_ok($$select tocsin.watch_runs('jobs', p_options => '{"stauts": "status"}')$$,
  'TC006', 'watch_runs() knows no option "stauts"', 'A misspelled option.');
select throws_ok($$select tocsin.watch_runs('jobs', p_options => '["status"]')$$,
  'TC006', null, 'Options that are no object.');
select throws_ok($$select tocsin.watch_runs('jobs', p_options => '{"source_id": "My Jobs"}')$$,
  'TC006', null, 'A source_id that is no short name.');
select throws_ok($$select tocsin.watch_runs('runs', p_options => '{"source_id": "other"}')$$,
  'TC006', null, 'Another name for a table that is watched already.');
select throws_ok($$select tocsin.watch_runs('jobs', p_options => '{"stuck_after": "soon"}')$$,
  'TC006', 'The option stuck_after cannot be "soon"', 'A limit that is no span of time.');
select throws_ok($$select tocsin.watch_runs('jobs', p_options => '{"stuck_after": "5 seconds"}')$$,
  'TC006', null, 'A limit that is too short.');
select lives_ok($$select tocsin.watch_runs('runs', p_options => '{"source_id": "mine"}')$$,
  'The same name again is no other name.');
select lives_ok($$select tocsin.watch_runs('jobs', p_options => null)$$,
  'No options at all are fine.');

select * from finish();
rollback;
