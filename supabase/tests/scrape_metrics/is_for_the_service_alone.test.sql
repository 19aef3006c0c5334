begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(4);

insert into tocsin.operators (user_id) values ('00000000-0000-4000-8000-0000000000ff');
create table runs (id int primary key, status text);
select from tocsin.watch_runs('runs');
insert into runs values (1, 'failed');

set local role anon;
select throws_ok('select tocsin.scrape_metrics()', '42501', null, 'Not for the anonymous,');
reset role;
set local role authenticated;
set local request.jwt.claims =
  '{"sub": "00000000-0000-4000-8000-0000000000ff", "role": "authenticated"}';
select throws_ok('select tocsin.scrape_metrics()', '42501', null, 'nor for any operator:');
reset role;
set local role service_role;
select is(json_array_length(tocsin.scrape_metrics() -> 'workflows'), 1, 'for the service,');
select cmp_ok(json_array_length(tocsin.scrape_metrics() -> 'stages'), '>', 3,
  'with what it could not read itself.');
reset role;

select * from finish();
rollback;
