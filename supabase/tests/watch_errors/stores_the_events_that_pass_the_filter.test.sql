begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(5);

create table logs (id bigint generated always as identity primary key, level text,
  message text, project_id int, user_id uuid, created_at timestamptz, context jsonb);
select from tocsin.watch_errors('logs', p_options => '{
  "filter": {"level": ["error", "fatal"], "context.kind": "http"}, "source": "webhook",
  "node": ["context.step.id", "context.step"], "metadata": "context", "severity": "context.sev"}');
insert into logs (level, message, project_id, user_id, created_at, context) values
  ('error', 'HTTP 502, token=abcdef012345', 7, '00000000-0000-4000-8000-00000000000a',
   '2026-03-04 10:00Z', '{"kind": "http", "step": {"id": "send"}, "sev": "low"}'),
  ('info', 'all is well', 7, null, now(), '{"kind": "http"}'),
  ('error', 'not http', 7, null, now(), '{"kind": "db"}'),
  ('error', 'null context', 7, null, now(), null),
  ('fatal', 'went away', null, null, null, '{"kind": "http", "step": "last"}');
select is((select count(*)::int from tocsin_internal.reported_errors), 2,
  'What does not pass the filter is no error.');
select is_empty($$select from tocsin_internal.reported_errors where message is not null$$,
  'The text waits where it is, until it is redacted.');
delete from logs where level = 'fatal';
select from tocsin_internal.tick();
select bag_eq($$
  select source::text, source_id, project_id, user_id, node, message, metadata, severity::text,
    origin::text from tocsin.error_metrics
$$, $$
  values ('webhook', 'logs', '7', '00000000-0000-4000-8000-00000000000a', 'send',
    'HTTP 502, token=[redacted:secret]',
    '{"kind": "http", "step": {"id": "send"}, "sev": "low"}'::jsonb, 'low', 'event'),
  ('webhook', 'logs', '', null, null, null, '{}', 'medium', 'event')
$$, 'What an event says is stored; one that is gone by then counts without its text.');
select is(tocsin.unwatch_errors('logs'), 'logs', 'The table is let go.');
insert into logs (level, message, context) values ('error', 'x', '{"kind": "http"}');
select is_empty('select from tocsin_internal.reported_errors', 'Nothing is captured any more.');

select * from finish();
rollback;
