begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(1);

create table runs (id int primary key, status text, finished_at timestamptz, ended date);
select from tocsin.watch_runs('runs', p_options => '{"finished_at": "ended"}');
set local timezone = 'America/New_York';
insert into runs values (1, 'failed', null, '2026-03-04');
alter table runs alter column id type text;
insert into runs values ('2', 'failed', null, '2026-03-04');

select results_eq($$
  select run_id, finished_at at time zone 'UTC' from tocsin_internal.run_outcomes order by 1
$$, $$values ('1', '2026-03-04'::timestamp), ('2', '2026-03-04'::timestamp)$$,
  'The slow way, taken after the host changed its table, reads the same day as the fast one.');

select * from finish();
rollback;
