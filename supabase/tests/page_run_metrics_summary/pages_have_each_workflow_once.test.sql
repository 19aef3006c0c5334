begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(22);

create table runs (id int primary key, status text, project_id text, workflow_id text,
  started_at timestamptz, finished_at timestamptz);
select from tocsin.watch_runs('runs');
-- 30 workflows in 2 projects: many of the same value, some without a rate or a duration
insert into runs
select n, case when n % 15 < 3 then 'canceled' when n % 4 = 0 then 'failed' else 'succeeded' end,
  'p' || n % 2, 'w' || n % 15, case when n % 15 > 4 then now() - n % 3 * interval '1 s' end, now()
from generate_series(1, 155) as n;
select from tocsin_internal.tick();

create function pg_temp.pages(p_sort text, p_descending boolean, p_limit int) returns setof text
language plpgsql as $$
declare
  v_page json;
  v_after json;
begin
  loop
    v_page := tocsin.page_run_metrics_summary(now() - interval '1 hour', now() + interval '1 hour',
      p_sort => p_sort, p_descending => p_descending, p_limit => p_limit,
      p_after_value => (v_after ->> 'value')::double precision,
      p_after_workflow_id => v_after ->> 'workflow_id',
      p_after_project_id => v_after ->> 'project_id', p_after_source_id => v_after ->> 'source_id');
    return query select (w ->> 'project_id') || (w ->> 'workflow_id')
      from json_array_elements(v_page -> 'workflows') as w;
    v_after := v_page -> 'after';
    exit when v_page ->> 'after' is null;
  end loop;
end
$$;

select is(array(select pg_temp.pages(sort, descending, 4)), array(
    select project_id || workflow_id from tocsin.run_metrics_summary(now() - interval '1 hour',
      now() + interval '1 hour', p_sort => sort, p_descending => descending)),
  format('By %s, %s: the pages are the whole, in its order.', sort,
    case when descending then 'falling' else 'rising' end))
from unnest(array['run_count', 'success_count', 'failure_count', 'timed_out_count',
  'canceled_count', 'success_rate', 'success_rate_change', 'duration_ms_avg', 'last_updated',
  'workflow_id']) as sort, unnest(array[true, false]) as descending;
select is((select count(*) from pg_temp.pages('run_count', true, 30))::int, 30,
  'A page that holds all has no next.');
select is((tocsin.page_run_metrics_summary(now() - interval '1 hour', now() + interval '1 hour',
  p_limit => 4) ->> 'workflow_count')::int, 30, 'Each page says how many there are.');

select * from finish();
rollback;
