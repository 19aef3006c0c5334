-- Accounting: the proof of the conservation law, and what is decided of a failure that cannot be
-- stored.
--
-- SECURITY DEFINER functions: none.

create function tocsin_internal.decide_unstored(p_message jsonb, p_error text, p_now timestamptz)
returns void
language plpgsql set search_path = ''
as $$
declare
  v_at timestamptz := p_now;
  v_id uuid := gen_random_uuid();
begin
  -- whatever it is that cannot be stored, its id or its time may be what is wrong with it
  begin
    v_id := coalesce((p_message ->> 'error_id')::uuid, v_id);
    v_at := coalesce((p_message ->> 'failed_at')::timestamptz,
      (p_message ->> 'timestamp')::timestamptz, v_at);
    if not isfinite(v_at) then
      v_at := p_now;
    end if;
  exception when data_exception then
    v_at := p_now;
  end;
  insert into tocsin.alert_logs (event_id, what, decision, reason, source_id, project_id,
    workflow_id, run_id, severity, event_at, decided_at)
  select v_id, 'failure', 'dropped', format('Dropped: it could not be stored in five tries (%s). '
    'It lies in tocsin_failures_dlq.', left(p_error, 500)),
    coalesce(p_message ->> 'source_id', ''), coalesce(p_message ->> 'project_id', ''),
    coalesce(p_message ->> 'workflow_id', ''), p_message ->> 'run_id', 'high', v_at, p_now
  where not exists (
    select from tocsin.alert_logs l where l.event_id = v_id and l.what = 'failure')
  on conflict do nothing;
exception when others then
  -- nor must this keep the letter from the queue of the dead
  perform tocsin_internal.record_fault('decide_unstored', sqlstate, sqlerrm, p_message::text,
    p_now);
end
$$;

comment on function tocsin_internal.decide_unstored(jsonb, text, timestamptz) is
  'The decision about a failure that ingestion gives up: dropped, with the reason.';

create view tocsin.unaccounted_events with (security_invoker = true) as
  select 'a failure without a decision' as problem, e.error_id as event_id, e.project_id,
    e.workflow_id, e.run_id, e.timestamp as event_at
  from tocsin.error_metrics e
  where e.ingested_at > (
    select now() - keep_for from tocsin.retention where record = 'alert_logs') and not exists (
    select from tocsin.alert_logs l
    where l.event_id = e.error_id and l.project_id = e.project_id and l.what = 'failure')
  union all
  select 'an alert''s transition without a decision', t.transition_id, a.project_id, a.workflow_id,
    null, t.at
  from tocsin.alert_transitions t join tocsin.alerts a on a.alert_id = t.alert_id
  where t.transition in ('fired', 'resolved') and t.made_at > (
    select now() - keep_for from tocsin.retention where record = 'alert_logs')
    and not exists (
      select from tocsin.alert_logs l where l.event_id = t.transition_id
        -- what a failed run begins is decided with the failure
        or t.transition = 'fired' and l.what = 'failure' and l.alert_id = t.alert_id)
  union all
  select 'a decision whose notification is not there', l.event_id, l.project_id, l.workflow_id,
    l.run_id, l.event_at
  from tocsin.alert_logs l
  where l.decision = 'notified' and l.decided_at > (
    select now() - keep_for from tocsin.retention where record = 'alert_logs') + interval '1 day'
    and not exists (
      select from tocsin.notifications n where n.notification_id = l.notification_id)
  union all
  -- a window lasts a week at most, and what comes to its end in a quiet period waits for a day
  select 'a failure or alert held back and never told', l.event_id, l.project_id, l.workflow_id,
    l.run_id, l.event_at
  from tocsin.alert_logs l
  where l.decision in ('grouped', 'throttled', 'deferred')
    and l.decided_at between (
    select now() - keep_for from tocsin.retention where record = 'alert_logs') + interval '1 day'
      and now() - interval '10 days'
    and not exists (
      select from tocsin.notifications n where n.notification_id = l.notification_id);

comment on view tocsin.unaccounted_events is
  'The conservation law, as a query: what has no decision, and decisions that lead nowhere. Always '
  'empty. Members see their projects'', operators all.';
comment on column tocsin.unaccounted_events.problem is 'What is missing.';
comment on column tocsin.unaccounted_events.event_id is
  'The failure event, or the transition of the alert.';
comment on column tocsin.unaccounted_events.project_id is 'Its project; empty: none.';
comment on column tocsin.unaccounted_events.workflow_id is 'Its workflow; empty: none.';
comment on column tocsin.unaccounted_events.run_id is 'Its run, if it has one.';
comment on column tocsin.unaccounted_events.event_at is 'When it happened.';

revoke all on tocsin.unaccounted_events from public, anon, authenticated, service_role;
grant select on tocsin.unaccounted_events to authenticated, service_role;
revoke all on all functions in schema tocsin_internal from public;
