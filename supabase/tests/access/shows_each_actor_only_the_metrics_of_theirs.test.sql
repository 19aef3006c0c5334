begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(20);

insert into tocsin.project_members (project_id, user_id, role) values
  ('a', '00000000-0000-4000-8000-00000000000a', 'viewer'),
  ('a', '00000000-0000-4000-8000-00000000000e', 'editor'),
  ('a', '00000000-0000-4000-8000-0000000000ad', 'admin'),
  ('b', '00000000-0000-4000-8000-00000000000b', 'admin');
insert into tocsin.operators (user_id) values ('00000000-0000-4000-8000-0000000000ff');
create table runs (id int primary key, project_id text, status text, finished_at timestamptz);
select from tocsin.watch_runs('runs');
-- of each project: one counted, one counted that was written late and is remembered, one pending,
-- one pending that is written late
create function pg_temp.some_end(p_from int) returns void language sql as $$
  insert into runs select p_from + 10 * n + late, project_id, 'failed',
    now() + interval '1 second' - late * interval '10 days'
  from unnest(array['a', 'b', null]) with ordinality as p (project_id, n),
    generate_series(0, 1) as late$$;
select pg_temp.some_end(1);
select from tocsin_internal.roll_up();
select pg_temp.some_end(1001);
select from tocsin.backfill_runs('runs', now() - interval '30 days');

-- of what they see, the projects, each with how many runs or rows; ! stands for: not allowed
create function pg_temp.seen(p_query text) returns text language plpgsql as $$
declare
  v_seen text;
begin
  execute format('select string_agg(p || n, '''' order by p) from (select '
    'coalesce(nullif(project_id, ''''), ''-'') as p, sum(n) as n from (%s) as q group by 1) as s',
    p_query) into v_seen;
  return coalesce(v_seen, '0');
exception when insufficient_privilege then
  return '!';
end
$$;
create function pg_temp.sees(p_role text, p_user text default null) returns text[]
language plpgsql as $$
declare
  v_range constant text := 'now() - interval ''30 days'', now() + interval ''1 day''';
  v_seen text[];
begin
  perform set_config('request.jwt.claims', jsonb_build_object('role', p_role,
    'sub', '00000000-0000-4000-8000-0000000000' || p_user)::text, true);
  perform set_config('role', p_role, true);
  v_seen := array[
    pg_temp.seen('select project_id, failure_count as n from tocsin.workflow_run_metrics'),
    pg_temp.seen(format('select project_id, run_count as n from tocsin.run_metrics_summary(%s)',
      v_range)),
    pg_temp.seen(format('select p as project_id, failure_count as n
      from unnest(array[''a'', ''b'', '''']) as p,
        tocsin.run_metrics_history(%s, ''1 day'', p) where failure_count > 0', v_range)),
    pg_temp.seen(format('select ''all'' as project_id, failure_count as n
      from tocsin.run_metrics_history(%s, ''1 day'') where failure_count > 0', v_range)),
    pg_temp.seen(format('select t ->> ''project_id'' as project_id, (t ->> ''failure_count'')::int
      as n from json_array_elements(tocsin.read_workflow_metrics('''', %s) -> ''totals'') as t',
      v_range)),
    pg_temp.seen(format('select t ->> ''project_id'' as project_id, (t ->> ''failure_count'')::int
      as n from json_array_elements(tocsin.page_run_metrics_summary(%s) -> ''workflows'') as t',
      v_range)),
    pg_temp.seen('select project_id, 1 as n from tocsin_internal.pending_outcomes'),
    pg_temp.seen('select project_id, 1 as n from tocsin_internal.run_outcomes'),
    pg_temp.seen('select project_id, failed_count as n from tocsin_internal.run_buckets
      where bucket_minutes = 0'),
    pg_temp.seen('select project_id, 1 as n from tocsin_internal.counted_runs'),
    pg_temp.seen('select source_id as project_id, 1 as n from tocsin_internal.counted_ranges'),
    pg_temp.seen('select source_id as project_id, 1 as n from tocsin.backfills'),
    pg_temp.seen('select source_id as project_id, 1 as n from tocsin.run_sources'),
    pg_temp.seen('select problem as project_id, 1 as n from tocsin_internal.outcomes_set_aside'),
    pg_temp.seen('select project_id, failed_count as n from tocsin_internal.run_totals'),
    pg_temp.seen($s$select project_id, counted as n from tocsin.reconcile('runs')$s$),
    pg_temp.seen($s$select source_id as project_id, 1 as n
      from tocsin.backfill_runs('runs', now() - interval '30 days')$s$),
    pg_temp.seen('select tocsin.scrape_metrics()::text as project_id, 1 as n')
  ];
  reset role;
  return v_seen;
end
$$;

create function pg_temp.of_a_member(p_project text) returns text[] language sql as $$
  select array[p || 4, p || 4, p || 4, 'all4', p || 4, p || 4, p || 2, p || 2, p || 2, p || 1,
    'runs1', '0', '0', '!', '!', '!', '!', '!'] from (select p_project) as m (p)$$;
create temp table all_of_it as select '-4a4b4' as four, '-2a2b2' as two, '-1a1b1' as one;

select is(pg_temp.sees('anon'), array_fill('!'::text, array[18]), 'The anonymous: nothing.');
select is(pg_temp.sees('authenticated', '00'),
  array_fill('0'::text, array[13]) || array_fill('!'::text, array[5]), 'A stranger: no row.');
select is(pg_temp.sees('authenticated', user_id), pg_temp.of_a_member(project_id), who) from (
  values ('0a', 'a', 'A viewer: their project.'), ('0e', 'a', 'An editor: their project.'),
    ('ad', 'a', 'An admin: their project.'), ('0b', 'b', 'An admin of another: that one.')
) as m (user_id, project_id, who);
select is(pg_temp.sees('authenticated', 'ff'), array[four, four, four, 'all12', four, four, two,
  two, two, one, 'runs1', 'runs1', 'runs1', '!', '!', '!', '!', '!'],
  'An operator: all, and the backfills; what is the owner''s stays the owner''s.') from all_of_it;
select is((pg_temp.sees('service_role'))[1:17], array[four, four, four, 'all12', four, four, two,
  two, two, one, 'runs1', 'runs1', 'runs1', '!', '!', '!', '!'], 'The service: the same.')
from all_of_it;

-- and nobody writes any of it
create function pg_temp.writes(p_role text, p_user text) returns text language plpgsql as $$
declare
  v_statement text;
  v_done text := '';
begin
  perform set_config('request.jwt.claims', jsonb_build_object('role', p_role,
    'sub', '00000000-0000-4000-8000-0000000000' || p_user)::text, true);
  perform set_config('role', p_role, true);
  for v_statement in
    select format(s, t) from unnest(array['delete from %s', 'truncate %s',
      'update %1$s set source_id = source_id', 'insert into %1$s default values']) as s,
      unnest(array['tocsin.workflow_run_metrics', 'tocsin.backfills', 'tocsin.run_sources',
        'tocsin_internal.run_outcomes', 'tocsin_internal.run_buckets',
        'tocsin_internal.counted_runs', 'tocsin_internal.counted_ranges']) as t
    union all select 'update tocsin_internal.outcome_floor set floor = 1e9'
    union all select 'update tocsin_internal.granularities set kept_for = null'
    union all select 'select tocsin_internal.roll_up()'
    union all select 'select tocsin_internal.backfill()'
    union all select 'select tocsin_internal.count_outcomes(null, now())'
    union all select $s$select tocsin.watch_runs('runs')$s$
    union all select $s$select tocsin.unwatch_runs('runs')$s$
  loop
    begin
      execute v_statement;
      v_done := v_done || v_statement || '; ';
    exception when insufficient_privilege then
      null;
      -- a view that cannot be written at all, whoever asks
      when object_not_in_prerequisite_state or wrong_object_type then
        if v_statement !~ 'workflow_run_metrics' then
          raise;
        end if;
    end;
  end loop;
  reset role;
  return v_done;
end
$$;
select is(pg_temp.writes(role, user_id), '', who || ' writes none of it.') from (values
  ('anon', '00', 'The anonymous'), ('authenticated', '00', 'A stranger'),
  ('authenticated', '0a', 'A viewer'), ('authenticated', '0e', 'An editor'),
  ('authenticated', 'ad', 'An admin'), ('authenticated', 'ff', 'An operator'),
  ('service_role', '00', 'The service')) as w (role, user_id, who);

-- rolled up, it is the same
select from tocsin_internal.roll_up();
select is((pg_temp.sees('authenticated', user_id))[1:6], (pg_temp.of_a_member(project_id))[1:6],
  who || ' sees the same when all is counted.') from (
  values ('0a', 'a', 'A viewer'), ('0e', 'a', 'An editor'), ('ad', 'a', 'An admin'),
    ('0b', 'b', 'An admin of another')) as m (user_id, project_id, who);
select is((pg_temp.sees('authenticated', 'ff'))[1:4], array[four, four, four, 'all12'],
  'So does an operator.') from all_of_it;

select * from finish();
rollback;
