-- docs/how-to/watch-an-events-table.md and report-errors-from-sql.md
begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(5);

create table logs (id bigint primary key, level text, message text, context jsonb);
create table runs (id int primary key, team text, flow text);
create table step_log (id uuid primary key default gen_random_uuid(), kind text, run int,
  created_at timestamptz default now(), payload jsonb);
select from tocsin.watch_errors('public.logs', p_options => '{
  "filter": {"level": ["error", "fatal"]}, "metadata": "context"}');
select from tocsin.watch_errors('public.step_log', p_options => '{
  "filter": {"kind": "step_failed", "payload.final": ["false"]},
  "message": "payload.error.message",
  "node": ["payload.step.id", "payload.step"],
  "run_id": "run",
  "source": "worker",
  "runs": {"table": "public.runs", "id": "id", "project_id": "team", "workflow_id": "flow"}
}');
insert into runs values (7, 'shop', 'import');
insert into logs values (1, 'error', 'disk is full', '{"disk": "sda"}'), (2, 'info', 'fine', null);
insert into step_log (kind, run, payload) values
  ('step_failed', 7, '{"final": false, "error": {"message": "HTTP 502"}, "step": {"id": "fetch"}}'),
  ('step_failed', 7, '{"final": true, "error": {"message": "HTTP 503"}}');
select from tocsin_internal.tick();
select bag_eq($$select source_id, message, source::text, project_id, workflow_id, run_id, node,
  metadata from tocsin.error_metrics$$, $$values
  ('logs', 'disk is full', 'worker', '', '', null, null, '{"disk": "sda"}'::jsonb),
  ('step_log', 'HTTP 502', 'worker', 'shop', 'import', '7', 'fetch', '{}')$$,
  'Both tables tell what passes their filter.');
select is(tocsin.unwatch_errors('public.logs'), 'logs', 'One is let go.');

create function public.import_orders_of_today() returns void language plpgsql
as $$ begin perform 1 / 0; end $$;
create function public.import_orders() returns void language plpgsql as $$
declare
  v_message text;
  v_state text;
  v_context text;
begin
  perform public.import_orders_of_today();
exception when others then
  get stacked diagnostics v_message = message_text, v_state = returned_sqlstate,
    v_context = pg_exception_context;
  perform tocsin.report_error(null, v_message, p_source => 'system', p_sqlstate => v_state,
    p_stack => v_context, p_component => 'import',
    p_metadata => jsonb_build_object('day', current_date));
end
$$;
select lives_ok('select public.import_orders()', 'What is caught is reported,');
select isnt(tocsin.report_error('PaymentDeclined', 'card was refused for order 7',
  p_project_id => 'shop'), null, 'or said in one line.');
select from tocsin_internal.tick();
select bag_eq($$select message, error_type::text, component, exception from tocsin.error_metrics
  where origin = 'report'$$, $$values ('division by zero', 'input', 'import', null),
  ('card was refused for order 7', 'execution', null, 'PaymentDeclined')$$,
  'Both are understood.');

select * from finish();
rollback;
