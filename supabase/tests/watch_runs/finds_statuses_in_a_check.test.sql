begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(1);

create table runs (
  id int primary key,
  status varchar(20) check (status in ('pending', 'SUCCESS', 'error', 'Cancelled', 'expired'))
);
select from tocsin.watch_runs('runs');

select is(mapping - array['run_id', 'project_id', 'workflow_id', 'status', 'started_at',
    'finished_at', 'error', 'node'],
  '{"succeeded": ["SUCCESS"], "failed": ["error"], "canceled": ["Cancelled"],
    "timed_out": ["expired"], "idle": ["pending"]}',
  'The values that a check allows are sorted by what they mean, however they are spelled.')
from tocsin.run_sources;

select * from finish();
rollback;
