begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(5);

create table runs (id int primary key, status text, project_id int, flow_id int, error text,
  failed_step text, started_at timestamptz, finished_at timestamptz);
create table flows (id int primary key, title text);
select from tocsin.watch_runs('runs', p_options => '{
  "workflow_names": {"table": "public.flows", "id": "id", "name": "title"}}');
insert into flows values (3, 'Nightly export');
insert into runs values
  (1, 'failed', 2, 3, 'disk full', 'write', '2026-03-04 09:00Z', '2026-03-04 10:00Z'),
  (2, 'timeout', null, null, null, null, null, null);
select from tocsin_internal.tick('2026-03-05 00:00Z');

select bag_eq($$
  select run_id, source::text, source_id, error_type::text, severity::text, project_id, workflow_id,
    workflow_name, node, message, attempt, ingested_at from tocsin.error_metrics
$$, $$
  values
    ('1', 'worker', 'runs', 'system', 'high', '2', '3', 'Nightly export', 'write', 'disk full',
     null::int, '2026-03-05 00:00Z'::timestamptz),
    ('2', 'worker', 'runs', 'timeout', 'high', '', '', null, null, null, null, '2026-03-05 00:00Z')
$$, 'A failure event knows its workflow, its node and its error, as far as the source does.');
select is((select timestamp from tocsin.error_metrics where run_id = '1'), '2026-03-04 10:00Z',
  'It happened when the run says.');
select is_empty($$select msg_id from pgmq.q_tocsin_failures$$, 'Its message is deleted.');
select is_empty($$select msg_id from pgmq.a_tocsin_failures$$, 'And not archived.');
select is_empty($$select msg_id from tocsin_internal.claimed_failures$$, 'Nothing stays claimed.');

select * from finish();
rollback;
