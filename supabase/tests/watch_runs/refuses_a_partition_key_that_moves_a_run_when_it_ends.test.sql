begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(4);

create table by_status (id int, status text, finished_at timestamptz) partition by list (status);
create table by_end (id int, status text, finished_at timestamptz) partition by range (finished_at);
create table by_day (id int, status text, finished_at timestamptz)
  partition by range ((date_trunc('day', finished_at at time zone 'UTC')));
create table nested (id int, created_at date, status text) partition by range (created_at);
create table nested_2026 partition of nested for values from ('2026-01-01') to ('2027-01-01')
  partition by list (status);

select throws_ok($$select tocsin.watch_runs('by_status')$$, 'TC005', null, 'The status.');
select throws_ok($$select tocsin.watch_runs('by_end')$$, 'TC005', null, 'The finish time.');
select throws_ok($$select tocsin.watch_runs('by_day')$$, 'TC005', null, 'A span of it.');
select throws_ok($$select tocsin.watch_runs('nested')$$, 'TC005', null,
  'The status, one level further down.');

select * from finish();
rollback;
