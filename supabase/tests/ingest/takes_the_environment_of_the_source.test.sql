begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(3);

create table runs (id int primary key, status text);
create table staging_runs (id int primary key, status text);
select from tocsin.watch_runs('runs');
select from tocsin.watch_runs('staging_runs', p_options => '{"environment": "staging"}');
insert into runs values (1, 'failed');
insert into staging_runs values (1, 'failed');
select from tocsin_internal.tick('2031-05-10 10:00Z');
select results_eq($$select source_id, environment from tocsin.error_metrics order by 1$$,
  $$values ('runs', null), ('staging_runs', 'staging')$$,
  'The environment of a source is that of its '
  'failures;');
select tocsin.announce_environment('production', '1.2.3');
insert into runs values (2, 'failed');
insert into staging_runs values (2, 'failed');
select tocsin.report_error('input', 'x', p_environment => 'preview');
select from tocsin_internal.tick('2031-05-10 10:01Z');
select results_eq($$select source_id, environment, release from tocsin.error_metrics
  where ingested_at = '2031-05-10 10:01Z' order by 1$$, $$values ('', 'preview', '1.2.3'),
  ('runs', 'production', '1.2.3'), ('staging_runs', 'staging', '1.2.3')$$,
  'else what the reporter said, else what the functions announced.');
select lives_ok($$select from tocsin.watch_runs('runs', p_options => '{"environment": null}')$$,
  'It can be taken away again.');

select * from finish();
rollback;
