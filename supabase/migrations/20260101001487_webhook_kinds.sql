-- The stage that watches pg_net, and its kinds of alert: webhook_failed and webhook_stuck.
--
-- A webhook is judged as a workflow would be: of the source pg_net, by its name.
--
-- SECURITY DEFINER functions: none.

create function tocsin_internal.read_responses(p_now timestamptz) returns bigint
language plpgsql set search_path = '' set enable_seqscan = off
as $$
declare
  v_until constant timestamptz := clock_timestamp() + interval '2 seconds';
  v_watcher tocsin_internal.watchers;
  v_responses tocsin_internal.net_response[];
  v_answers tocsin_internal.net_answer[];
  v_total bigint := 0;
begin
  select * into v_watcher from tocsin_internal.watchers where watcher = 'pg_net' for update;
  if v_watcher.watcher is null then
    -- what was answered before Tocsin was there is not told
    insert into tocsin_internal.watchers
      (watcher, table_oid, last_at, last_id, watched_since, watched_at)
    select 'pg_net', to_regclass('net._http_response')::oid, coalesce(max(r.created), 'epoch'),
      9223372036854775807, p_now, p_now
    from (
      select created from net._http_response
      where created <= (select installed_at from tocsin_internal.installation)
      order by created desc limit 1
    ) as r
    returning * into v_watcher;
  end if;

  loop
    select array_agg(row(r.id, r.status_code, case
        when r.status_code >= 400 then format('answered %s%s', r.status_code,
          coalesce(': ' || nullif(btrim(left(r.content, 500)), ''), ''))
        else coalesce(nullif(r.error_msg, ''),
          case when r.timed_out then 'timed out' end) end,
        coalesce(r.status_code >= 400 or r.timed_out or r.error_msg <> '', false),
        r.created)::tocsin_internal.net_response order by r.created, r.id)
    into v_responses
    from (
      select * from net._http_response
      where created >= v_watcher.last_at and (created > v_watcher.last_at or id > v_watcher.last_id)
      order by created, id limit 1000
    ) as r;
    exit when v_responses is null;

    v_answers := tocsin_internal.answers_of(v_responses);
    perform tocsin_internal.keep_answers(v_answers, p_now);
    perform tocsin_internal.tell_webhook_failures(v_answers);
    v_watcher.last_at := v_responses[cardinality(v_responses)].answered_at;
    v_watcher.last_id := v_responses[cardinality(v_responses)].request_id;
    v_total := v_total + cardinality(v_responses);
    exit when cardinality(v_responses) < 1000 or clock_timestamp() > v_until;
  end loop;
  update tocsin_internal.watchers
  set last_at = v_watcher.last_at, last_id = v_watcher.last_id, watched_at = p_now
  where watcher = 'pg_net';
  return v_total;
end
$$;

comment on function tocsin_internal.read_responses(timestamptz) is
  'Reads the responses that came since the last time, for up to two seconds. Returns how many.';

create function tocsin_internal.watch_webhooks(p_now timestamptz default clock_timestamp())
returns bigint
language plpgsql set search_path = '' set jit = off
as $$
declare
  v_count bigint;
begin
  if not tocsin_internal.can_see_net() then
    return 0;
  end if;
  -- first what waits: an answer that comes in between finds its request there
  perform tocsin_internal.look_at_requests(p_now);
  v_count := tocsin_internal.read_responses(p_now);
  -- what no longer waits has been answered, and read
  if v_count < 1000 and exists (select from tocsin_internal.waiting_requests) then
    delete from tocsin_internal.waiting_requests w where not exists (
      select from net.http_request_queue q
      where q.ctid < '(2048,0)'::tid and q.id = w.request_id);
  end if;
  return v_count;
end
$$;

comment on function tocsin_internal.watch_webhooks(timestamptz) is
  'Reads what pg_net was answered since the last beat, makes failure events of what failed, and '
  'notes what waits. A stage of the heart. Returns how many responses it read.';

create function tocsin_internal.prune_webhook_metrics(p_now timestamptz, p_limit int)
returns bigint
language sql set search_path = ''
as $$
  with metrics as (
    delete from tocsin.webhook_metrics where (webhook_id, minute) in (
      select m.webhook_id, m.minute from tocsin.webhook_metrics m
      where m.minute < p_now - interval '9 days' limit p_limit)
    returning 1
  ),
  webhooks as (
    delete from tocsin.webhooks w where w.last_answered_at < p_now - interval '9 days'
      and not exists (select from tocsin.webhook_metrics m
        where m.webhook_id = w.webhook_id and m.minute >= p_now - interval '9 days')
    returning 1
  ),
  waits as (
    delete from tocsin.request_waits where minute < p_now - interval '9 days' returning 1
  ),
  labels as (
    delete from tocsin_internal.request_labels where label_id in (
      select l.label_id from tocsin_internal.request_labels l
      where l.labeled_at < p_now - interval '1 day' limit p_limit)
    returning 1
  )
  select greatest((select count(*) from metrics), (select count(*) from labels))
$$;

comment on function tocsin_internal.prune_webhook_metrics(timestamptz, int) is
  'Drops what webhooks did after 9 days, and labels of requests after one. A step of maintain().';

insert into tocsin.alert_kinds (kind, family, title, description, evaluator, unit, fired_title,
  resolved_title, is_calm_without_data, parameters) values
  ('webhook_failed', 'measure', 'Webhook failed',
   'Requests of pg_net, such as those of database webhooks, were answered with a status of 400 or '
   'more, timed out or had an error.', 'evaluate_webhook_failed', 'failed',
   'Webhook {{target}}: {{value}} within {{window}}', 'Webhook {{target}} fails no more', true,
   $json$[
    {"name": "threshold", "type": "integer", "default": 1, "min": 1, "max": 1000000,
     "description": "Fires when so many requests of a webhook failed within the window."},
    {"name": "window", "type": "interval", "default": "5 minutes", "min": "1 minute",
     "max": "7 days", "description": "Over which time they are counted."},
    {"name": "min_failure_rate", "type": "number", "default": 0, "min": 0, "max": 100,
     "unit": "%", "description": "Only if so much of what was sent failed."}
   ]$json$),
  ('webhook_stuck', 'measure', 'Webhooks are stuck',
   'Requests wait in the queue of pg_net, or its worker is not running.',
   'evaluate_webhook_stuck', 's', 'Requests of pg_net wait ({{value}})',
   'Requests of pg_net are sent again', true, $json$[
    {"name": "threshold", "type": "number", "default": 120, "min": 1, "max": 86400, "unit": "s",
     "description": "Fires when a request has waited for so many seconds."}
   ]$json$);

create function tocsin_internal.evaluate_webhook_failed(
  p_settings tocsin.alert_settings[], p_from timestamptz, p_to timestamptz, p_step interval,
  p_now timestamptz, p_known tocsin_internal.evaluation[] default null
) returns setof tocsin_internal.evaluation
language plpgsql stable set search_path = ''
as $$
begin
  return query
    select s.setting_id, 'pg_net'::text, w.project_id, w.name, step.at,
      f.failures::double precision, f.requests,
      f.failures >= (s.parameters ->> 'threshold')::int
        and f.failures * 100 >= (s.parameters ->> 'min_failure_rate')::numeric * f.requests,
      f.failures < (s.parameters ->> 'threshold')::int
        or f.failures * 100 < (s.parameters ->> 'min_failure_rate')::numeric * f.requests,
      jsonb_build_object('facts', jsonb_build_array(
          jsonb_build_object('label', 'Requests', 'value', f.requests::text))
        || case when w.url is null then '[]'::jsonb else jsonb_build_array(
          jsonb_build_object('label', 'URL', 'value', concat_ws(' ', w.method, w.url))) end
        || case when w.last_error is null then '[]'::jsonb else jsonb_build_array(
          jsonb_build_object('label', 'Last failure', 'value', w.last_error)) end)
    from unnest(p_settings) as s
    cross join generate_series(p_from, p_to, p_step) as step (at)
    cross join lateral (
      select m.webhook_id, sum(m.failure_count)::bigint as failures,
        sum(m.request_count)::bigint as requests
      from tocsin.webhook_metrics m
      where m.minute < step.at and m.minute >= step.at - (s.parameters ->> 'window')::interval
      group by m.webhook_id
    ) as f
    join tocsin.webhooks w on w.webhook_id = f.webhook_id
      and (s.project_id is null or w.project_id = s.project_id)
      and (s.workflow_id is null or w.name = s.workflow_id)
    where f.failures > 0 or p_known is null
      or (s.setting_id, 'pg_net', w.project_id, w.name) in (
        select k.setting_id, k.source_id, k.project_id, k.workflow_id from unnest(p_known) as k);
end
$$;

comment on function tocsin_internal.evaluate_webhook_failed(tocsin.alert_settings[], timestamptz,
  timestamptz, interval, timestamptz, tocsin_internal.evaluation[]) is
  'Evaluator of webhook_failed: how many requests of a webhook failed in the window.';

create function tocsin_internal.evaluate_webhook_stuck(
  p_settings tocsin.alert_settings[], p_from timestamptz, p_to timestamptz, p_step interval,
  p_now timestamptz, p_known tocsin_internal.evaluation[] default null
) returns setof tocsin_internal.evaluation
language plpgsql stable set search_path = ''
as $$
begin
  return query
    select s.setting_id, 'pg_net'::text, ''::text, 'pg_net'::text, step.at, w.oldest_seconds,
      w.waiting_count::bigint,
      w.oldest_seconds >= (s.parameters ->> 'threshold')::double precision or not w.is_up,
      w.oldest_seconds < (s.parameters ->> 'threshold')::double precision and w.is_up,
      jsonb_build_object('facts', jsonb_build_array(
        jsonb_build_object('label', 'Waiting', 'value', case when w.waiting_count >= 2000
          then '2,000 or more' else w.waiting_count::text end),
        jsonb_build_object('label', 'Worker', 'value',
          case when w.is_up then 'running' else 'not running' end)))
    from unnest(p_settings) as s
    cross join generate_series(p_from, p_to, p_step) as step (at)
    join tocsin.request_waits w on w.minute = step.at - interval '1 minute'
    where coalesce(s.project_id, '') = '' and coalesce(s.workflow_id, 'pg_net') = 'pg_net';
end
$$;

comment on function tocsin_internal.evaluate_webhook_stuck(tocsin.alert_settings[], timestamptz,
  timestamptz, interval, timestamptz, tocsin_internal.evaluation[]) is
  'Evaluator of webhook_stuck: how long the oldest request has waited.';

revoke all on all functions in schema tocsin_internal from public;
-- A backtest runs as its caller.
grant execute on function
  tocsin_internal.evaluate_webhook_failed(tocsin.alert_settings[], timestamptz, timestamptz,
    interval, timestamptz, tocsin_internal.evaluation[]),
  tocsin_internal.evaluate_webhook_stuck(tocsin.alert_settings[], timestamptz, timestamptz,
    interval, timestamptz, tocsin_internal.evaluation[])
  to authenticated, service_role;
