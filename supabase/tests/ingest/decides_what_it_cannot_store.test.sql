begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(3);

select from pgmq.send('tocsin_failures', '{"error_id": "not a uuid", "run_id": "7",
  "source_id": "runs", "project_id": "p", "workflow_id": "w", "failed_at": "2026-03-04 09:00Z"}');
select from pgmq.send('tocsin_failures', '{"error_id": "e0000000-0000-4000-8000-000000000001",
  "run_id": "8", "source_id": "runs", "project_id": "p", "failed_at": "yesterday, I think"}');
create function pg_temp.beat() returns void language plpgsql as $$
begin
  update pgmq.q_tocsin_failures set vt = clock_timestamp();
  perform from tocsin_internal.tick('2026-03-04 10:00Z');
end
$$;
select pg_temp.beat() from generate_series(1, 5);
select results_eq($$
  select run_id, project_id, decision::text, setting_id, event_at,
    reason ~ '^Dropped: it could not be stored in five tries \(.*\)\. It lies in'
  from tocsin.alert_logs order by run_id
$$, $$
  values ('7', 'p', 'dropped', null::uuid, '2026-03-04 10:00Z'::timestamptz, true),
    ('8', 'p', 'dropped', null, '2026-03-04 10:00Z', true)
$$, 'A failure that cannot be stored has its decision, and the reason.');
select results_eq($$select step, story ~ 'could not be stored' from tocsin.explain_run('7')$$,
  $$values ('unmatched', true)$$, 'The story of the run tells it.');
select pg_temp.beat() from generate_series(1, 5);
select is((select count(*)::int from tocsin.alert_logs), 2, 'Once.');

select * from finish();
rollback;
