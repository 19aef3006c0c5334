begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(7);

select from tocsin.report_error('execution', 'nobody is there', p_severity => 'high');
select from tocsin_internal.ingest_reports();
select is_empty('select from tocsin.forwardings', 'Without a forwarder nothing is noted.');

update tocsin.forwarder_states set is_configured = true, called_at = now();
update tocsin.forwarders set min_severity = 'medium', sources = '{worker,webhook}',
  project_ids = '{a,b}' where forwarder = 'sentry';
update tocsin.forwarders set is_enabled = false where forwarder = 'rollbar';
create function pg_temp.report(p_message text, p_severity text, p_source text, p_project text)
returns uuid language sql as $$
  select tocsin.report_error('execution', p_message, p_source, p_severity => p_severity,
    p_project_id => p_project)
$$;
select pg_temp.report('low', 'low', 'worker', 'a'), pg_temp.report('system', 'high', 'system', 'a'),
  pg_temp.report('c', 'high', 'worker', 'c'), pg_temp.report('none', 'high', 'worker', ''),
  pg_temp.report('medium', 'medium', 'worker', 'a'), pg_temp.report('high', 'high', 'webhook', 'b');
select from tocsin_internal.ingest_reports();
select results_eq($$
  select w.forwarder, e.message, w.state::text, w.attempt_count from tocsin.forwardings w
  join tocsin.error_metrics e using (error_id, project_id, ingested_at) order by 2
$$, $$values ('sentry', 'high', 'pending', 0), ('sentry', 'medium', 'pending', 0)$$,
  'Severity, source and project are as the settings say, and what is off gets nothing.');
select is_empty('select from tocsin.forwardings where event_id <> error_id',
  'The receiver knows an error by its own id.');

-- ignored groups, and what a spike left without its text
delete from tocsin.forwardings;
update tocsin.forwarders set min_severity = 'low', sources = null, project_ids = null
where forwarder = 'sentry';
select tocsin.ignore_error_group(group_id) from tocsin.error_groups where title = 'high';
select pg_temp.report('high', 'high', 'webhook', 'b');
select count(pg_temp.report('storm', 'high', 'worker', 's')) from generate_series(1, 350);
select from tocsin_internal.ingest_reports();
select is((select count(*)::int from tocsin.error_metrics where message = 'storm'), 102,
  'Of a storm of 350, these have their text,');
select results_eq('select project_id, count(*)::int from tocsin.forwardings group by 1',
  $$values ('s', 102)$$, 'and these are forwarded; of an ignored group none.');
update tocsin.forwarders set with_ignored = true, with_sampled_out = true
where forwarder = 'sentry';
select pg_temp.report('high', 'high', 'webhook', 'b');
select count(pg_temp.report('storm', 'high', 'worker', 's')) from generate_series(1, 50);
select from tocsin_internal.ingest_reports();
select results_eq('select project_id, count(*)::int from tocsin.forwardings group by 1 order by 1',
  $$values ('b', 1), ('s', 152)$$, 'Settings let both through.');

-- one id in two projects
select tocsin.report_error('execution', 'twice', p_project_id => p,
  p_error_id => '00000000-0000-4000-8000-00000000000a') from unnest(array['a', 'b']) as p;
select from tocsin_internal.ingest_reports();
select is((select count(distinct event_id)::int from tocsin.forwardings
  where error_id = '00000000-0000-4000-8000-00000000000a'), 2,
  'One id in two projects is two events to the receiver.');

select * from finish();
rollback;
