begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(6);

select isnt(tocsin.report_error('input', 'order 7 has no lines', 'webhook',
  '{"order": 7, "password": "hunter2"}', 'high', 'p', 'w', 'run-1', 'validate', 'user-1',
  'intake', 'staging', '1.2.3', 'ZodError', '23502', 422, 'at f (/app/x.ts:1:1)',
  now() - interval '1 minute'), null, 'Reporting answers with the id of the event.');
select from tocsin_internal.tick();
select results_eq($$
  select error_type::text, severity::text, source::text, project_id, workflow_id, run_id, node,
    user_id, component, environment, release, exception, sqlstate, http_status, message, stack,
    metadata, origin::text, classified_by, timestamp from tocsin.error_metrics
$$, $$values ('input', 'high', 'webhook', 'p', 'w', 'run-1', 'validate', 'user-1', 'intake',
  'staging', '1.2.3', 'ZodError', '23502', 422, 'order 7 has no lines', 'at f (/app/x.ts:1:1)',
  '{"order": 7, "password": "[redacted:secret]"}'::jsonb, 'report', 'reporter',
  now() - interval '1 minute')$$, 'All of it is stored, redacted.');
select results_eq($$select user_count::int, run_count::int, workflow_count::int
  from tocsin.error_groups$$, $$values (1, 1, 1)$$, 'The group knows whom it hurt.');
select is_empty('select from tocsin_internal.reported_errors', 'The queue is empty again.');
select results_eq($$select decision::text from tocsin.alert_logs$$, array['unmatched'],
  'It has its decision.');
select tocsin.report_error('PaymentDeclined', 'card refused');
select from tocsin_internal.tick();
select results_eq($$select exception, error_type::text, severity::text, source::text, project_id
  from tocsin.error_metrics where message = 'card refused'$$,
  $$values ('PaymentDeclined', 'execution', 'medium', 'system', '')$$,
  'A word that is no type is the exception''s name.');

select * from finish();
rollback;
