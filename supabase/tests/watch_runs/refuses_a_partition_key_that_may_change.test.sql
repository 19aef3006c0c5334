begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(2);

create table runs (id int, archived boolean default false, tenant_id text, status text,
  finished_at timestamptz) partition by list (archived);
select throws_ok($$select tocsin.watch_runs('runs')$$, 'TC005', null,
  'A row that is archived into another partition would be told as a new run: refused.');

create table shared (id int, tenant_id text, status text) partition by list (tenant_id);
select lives_ok($$select tocsin.watch_runs('shared')$$,
  'Whose a run is does not change: accepted.');

select * from finish();
rollback;
