-- Explaining a run: what became of its failure, in order, in words.
--
-- It reads as its caller, under row-level security: what somebody may not see is not told.
--
-- SECURITY DEFINER functions: none.

create function tocsin.explain_run(p_run_id text, p_source_id text default null)
returns table (at timestamptz, step text, story text, setting_name text, channel_name text,
  details jsonb)
language sql stable set search_path = '' set jit = off
as $$
  with event as materialized (
    select e.* from tocsin.error_metrics e
    where e.run_id = p_run_id and (p_source_id is null or e.source_id = p_source_id)
  ),
  decided as materialized (
    select l.* from tocsin.alert_logs l
    where l.run_id = p_run_id and (p_source_id is null or l.source_id = p_source_id)
  ),
  told as materialized (
    select l.notification_id, n.content, n.purpose, n.decided_at, min(l.decision) as decision,
      min(l.setting_name) as setting_name, min(l.log_id) as log_id
    from decided l left join tocsin.notifications n on n.notification_id = l.notification_id
    where l.notification_id is not null group by 1, 2, 3, 4
  ),
  sent as materialized (
    select d.*, t.setting_name from told t
    join tocsin.deliveries d on d.notification_id = t.notification_id
  ),
  story as (
    select o.captured_at as at, 1 as rank, o.outcome_id as place, 'captured' as step,
      format('The run %s. The heart takes it within seconds.',
        case o.outcome when 'timed_out' then 'timed out' else 'ended: ' || o.outcome end) as story,
      null as setting_name, null as channel_name,
      jsonb_build_object('source_id', o.source_id, 'finished_at', o.finished_at) as details
    from tocsin_internal.run_outcomes o
    where o.run_id = p_run_id and (p_source_id is null or o.source_id = p_source_id)
      and o.outcome in ('failed', 'timed_out') and o.sign >= 0
    union all
    select e.timestamp, 1, 0, 'captured', concat(
        case e.origin when 'stuck' then 'The run is stuck' else 'The run failed' end,
        ' at ' || e.node, ', attempt ' || e.attempt, ': ' || left(e.message, 500)), null, null,
      jsonb_build_object('source_id', e.source_id, 'error_id', e.error_id)
    from event e
    union all
    select e.ingested_at, 2, 0, 'stored', format('Stored as %s error of %s severity.',
        e.error_type, e.severity), null, null,
      jsonb_build_object('error_id', e.error_id, 'classified_by', e.classified_by)
    from event e
    union all
    select e.ingested_at, 3, 0, 'grouped', format('Counted in the error group "%s", %s.',
        g.title, case when e.is_new then 'which began with it'
          when e.is_regression then 'which it brought back after it was resolved'
          when e.is_ignored then 'which was being ignored'
          else 'seen ' || g.event_count || ' times so far' end), null, null,
      jsonb_build_object('group_id', g.group_id, 'status', g.status)
    from event e join tocsin.error_groups g
      on g.project_id = e.project_id and g.fingerprint = e.fingerprint
    union all
    select l.decided_at, 4, l.log_id, case when l.setting_id is null then 'unmatched'
        else 'matched' end, l.reason, l.setting_name, null,
      jsonb_build_object('decision', l.decision, 'setting_id', l.setting_id,
        'notification_id', l.notification_id, 'window_id', l.window_id)
    from decided l
    union all
    select t.decided_at, 5, t.log_id, 'told', format('%s: %s', case t.purpose
        when 'summary' then 'Told in a summary' when 'digest' then 'Told in a digest'
        when 'first' then 'Told' else 'Told (' || t.purpose || ')' end,
        coalesce(t.content ->> 'title', 'a failure of ' || (t.content ->> 'workflow_id')))
      || case when exists (select from sent s where s.notification_id = t.notification_id)
        then '' else '; to nobody, since no channel was on.' end, t.setting_name, null,
      jsonb_build_object('notification_id', t.notification_id, 'purpose', t.purpose)
    from told t where t.purpose is not null
    union all
    select t.at, 7, 0, 'over', coalesce('Its alert ended. ' || t.note,
        'The workflow succeeds again.'), a.setting_name, null,
      jsonb_build_object('alert_id', a.alert_id)
    from tocsin.alerts a
    join tocsin.alert_transitions t on t.alert_id = a.alert_id and t.transition = 'resolved'
    where a.alert_id in (select l.alert_id from decided l)
    union all
    select null, 9, t.log_id, 'waiting', case t.decision when 'deferred'
        then 'Not told yet: that happens at the end of the quiet period.'
        else 'Not told yet: that happens at the end of its window.' end, t.setting_name, null,
      jsonb_build_object('notification_id', t.notification_id)
    from told t where t.purpose is null
      and t.decision in ('grouped', 'throttled', 'deferred')
    union all
    select a.finished_at, 6, a.attempt, 'sent', format('Attempt %s to "%s" (%s)%s', a.attempt,
        s.channel_name, s.channel_kind, case
          when a.outcome = 'delivered'
            then ': delivered' || coalesce(', answered ' || a.http_status, '') || '.'
          when a.outcome = 'lost' then ': the sender never reported; it may have arrived.'
          else ' failed' || coalesce(', answered ' || a.http_status, '')
            || coalesce(': ' || left(a.error, 300), '') || '.' end), s.setting_name, s.channel_name,
      jsonb_build_object('delivery_id', s.delivery_id, 'outcome', a.outcome,
        'http_status', a.http_status, 'response', a.response, 'provider_id', a.provider_id)
    from sent s join tocsin.delivery_attempts a on a.delivery_id = s.delivery_id
    union all
    select case s.state when 'dead' then null else s.next_attempt_at end, 8, 0, 'waiting',
      format(case s.state when 'dead' then 'The delivery to "%s" was given up: %s.'
        when 'sending' then 'The delivery to "%s" is being sent.'
        else 'The delivery to "%s" is due at %3$s.' end, s.channel_name,
        coalesce(s.last_error, 'no reason is known'),
        to_char(s.next_attempt_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS "UTC"')),
      s.setting_name, s.channel_name,
      jsonb_build_object('delivery_id', s.delivery_id, 'state', s.state)
    from sent s where s.state <> 'delivered'
  )
  select s.at, s.step, s.story, s.setting_name, s.channel_name, s.details
  from (
    select * from story
    union all
    select null, 0, 0, 'unknown',
      format('No failure of run %s is known. It did not fail, or before '
      'its table was watched, or the records of it are over, or you may not see them.', p_run_id),
      null, null, '{}'::jsonb
    where not exists (select from story)
  ) as s
  order by s.at nulls last, s.rank, s.place
$$;

comment on function tocsin.explain_run(text, text) is
  'What became of the failure of a run, in order: captured, stored, grouped, matched these '
  'settings '
  '(or unmatched), told, sent there, answered that, or waiting. p_source_id: where two tables have '
  'a run of that id. One row "unknown" when nothing is known. Under the caller''s own rights.';

revoke all on function tocsin.explain_run(text, text) from public, anon;
grant execute on function tocsin.explain_run(text, text) to authenticated, service_role;
