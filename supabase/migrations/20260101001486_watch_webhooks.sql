-- Watching pg_net: a stage of the heart reads what was answered since the last beat.
--
-- net._http_response has an index on created alone. One worker writes it, batch after batch: all
-- rows of a batch carry the time at which its transaction began and are seen at once, and the next
-- batch begins later. So it is read in the order of (created, id), from the last pair on: no row
-- comes late, and ids that begin again after a crash, which empties the table, do no harm. What was
-- read and what became of it commit together.
--
-- net.http_request_queue has no index that a reader can use and no time: its first 16 MiB are
-- looked through, and since when a request waits is known from when it was first seen.
--
-- SECURITY DEFINER functions: none.

create type tocsin_internal.net_response as (
  request_id bigint,
  status_code int,
  error text,
  is_failure boolean,
  answered_at timestamptz
);
comment on type tocsin_internal.net_response is
  'A row of net._http_response, as far as it is used.';

create type tocsin_internal.net_answer as (
  response tocsin_internal.net_response,
  webhook_id text,
  kind text,
  name text,
  project_id text,
  table_name text,
  method text,
  url text
);
comment on type tocsin_internal.net_answer is 'A response, and the webhook that it answers.';

create function tocsin_internal.can_see_net() returns boolean
language plpgsql stable set search_path = ''
as $$
begin
  return tocsin_internal.has_extension('pg_net')
    and tocsin_internal.has_columns('net._http_response', array['id', 'status_code', 'content',
      'timed_out', 'error_msg', 'created'])
    and tocsin_internal.has_columns('net.http_request_queue', array['id', 'method', 'url']);
end
$$;

comment on function tocsin_internal.can_see_net() is
  'Whether there is a pg_net, of a version whose tables can be read.';

create function tocsin_internal.is_net_up() returns boolean
language sql stable set search_path = ''
as $$
  -- what pg_stat_activity reads, without its joins
  select exists (select from pg_catalog.pg_stat_get_activity(null) as a
    where a.application_name like 'pg\_net%' or a.backend_type like 'pg\_net%')
$$;

comment on function tocsin_internal.is_net_up() is 'Whether the worker of pg_net is there.';

create function tocsin_internal.look_at_requests(p_now timestamptz) returns void
language plpgsql set search_path = ''
as $$
declare
  v_minute constant timestamptz := date_trunc('minute', p_now);
  v_is_up boolean;
  v_ids bigint[];
  v_sequence constant text := pg_get_serial_sequence('net.http_request_queue', 'id');
  v_last bigint;
  v_before tocsin_internal.watchers;
begin
  select array_agg(q.id) into v_ids from (
    select id from net.http_request_queue where ctid < '(2048,0)'::tid limit 2000) as q;
  if v_sequence is not null and has_sequence_privilege(v_sequence, 'select') then
    execute format('select last_value from %s', v_sequence) into v_last;
    select * into v_before from tocsin_internal.watchers where watcher = 'pg_net';
    -- after a crash ids begin again: those that were seen or labeled before are others
    if v_last < v_before.last_request_id then
      delete from tocsin_internal.request_labels where labeled_at <= v_before.watched_at;
      delete from tocsin_internal.waiting_requests;
    end if;
    if v_last <> coalesce(v_before.last_request_id, 0) then
      update tocsin_internal.watchers set last_request_id = v_last where watcher = 'pg_net';
    end if;
  end if;
  if v_ids is not null then
    insert into tocsin_internal.waiting_requests as w
      (request_id, request_hash, method, url, first_seen_at)
    select q.id, q.hash, upper(q.method), tocsin_internal.webhook_url(q.url), p_now
    from (
      select id, method::text, url, md5(method || ' ' || url) as hash from net.http_request_queue
      where ctid < '(2048,0)'::tid and id = any (v_ids[: 500])
    ) as q
    where not exists (
      select from tocsin_internal.waiting_requests k
      where k.request_id = q.id and k.request_hash = q.hash)
    on conflict (request_id) do update set request_hash = excluded.request_hash,
      method = excluded.method, url = excluded.url, first_seen_at = excluded.first_seen_at;
  end if;

  -- a worker that was seen in this minute is not looked for again
  v_is_up := exists (select from tocsin_internal.watchers w
      where w.watcher = 'pg_net' and date_trunc('minute', w.watched_at) = v_minute
        and not exists (select from tocsin.request_waits r where r.minute = v_minute
          and not r.is_up))
    or tocsin_internal.is_net_up();
  if v_ids is not null or not v_is_up then
    insert into tocsin.request_waits as w (minute, waiting_count, oldest_seconds, is_up)
    select v_minute, coalesce(cardinality(v_ids), 0),
      coalesce(extract(epoch from p_now - min(r.first_seen_at)), 0), v_is_up
    from tocsin_internal.waiting_requests r where r.request_id = any (v_ids)
    on conflict (minute) do update
      set waiting_count = greatest(w.waiting_count, excluded.waiting_count),
        oldest_seconds = greatest(w.oldest_seconds, excluded.oldest_seconds),
        is_up = w.is_up or excluded.is_up;
  else
    update tocsin.request_waits set is_up = true where minute = v_minute and not is_up;
  end if;
end
$$;

comment on function tocsin_internal.look_at_requests(timestamptz) is
  'Notes which requests wait, since when, and whether the worker of pg_net is there.';

create function tocsin_internal.hooks_of(p_request_ids bigint[])
returns table (request_id bigint, hook_name text, hook_table oid, created_at timestamptz)
language plpgsql stable set search_path = ''
as $$
begin
  if not tocsin_internal.is_trusted_table('supabase_functions.hooks') then
    return;
  end if;
  -- not written out: projects without database webhooks have no such table, and linters look
  return query execute
    'select h.request_id::bigint, h.hook_name::text, h.hook_table_id::oid, h.created_at '
    'from supabase_functions.hooks h where h.request_id = any ($1)' using p_request_ids;
exception when insufficient_privilege or undefined_column then
  return; -- another version, or closed: its requests are learned of otherwise
end
$$;

comment on function tocsin_internal.hooks_of(bigint[]) is
  'Which requests a database webhook made.';

create function tocsin_internal.answers_of(p_responses tocsin_internal.net_response[])
returns tocsin_internal.net_answer[]
language sql stable set search_path = ''
as $$
  with response as materialized (
    select r, (r).request_id as id, (r).answered_at as at from unnest(p_responses) as r
  ),
  label as (
    select distinct on (r.id) r.id, l.name, l.project_id, l.name is null as is_own
    from response r join tocsin_internal.request_labels l on l.request_id = r.id
      and l.labeled_at between r.at - interval '1 day' and r.at + interval '1 minute'
    order by r.id, l.labeled_at desc
  ),
  hook as (
    select distinct on (r.id) r.id, h.hook_name, c.table_name,
      split_part(encode(t.tgargs, 'escape'), '\000', 1) as url,
      split_part(encode(t.tgargs, 'escape'), '\000', 2) as method
    from response r
    join tocsin_internal.hooks_of(array(select id from response)) as h on h.request_id = r.id
      -- an id from before a crash is not this one
      and h.created_at between r.at - interval '10 minutes' and r.at + interval '1 minute'
    left join lateral (
      select format('%s.%s', n.nspname, p.relname) as table_name
      from pg_catalog.pg_class p join pg_catalog.pg_namespace n on n.oid = p.relnamespace
      where p.oid = h.hook_table
    ) as c on true
    left join pg_catalog.pg_trigger t on t.tgrelid = h.hook_table and t.tgname = h.hook_name
    order by r.id, h.created_at desc
  ),
  known as (
    select r.r as response,
      case when l.id is not null then 'labeled' when h.id is not null then 'database_webhook'
        when w.request_id is not null then 'seen' else 'unknown' end as kind,
      case when l.id is not null then l.name
        when h.id is not null then h.hook_name || coalesce(' on ' || h.table_name, '')
        when w.request_id is not null then w.method || ' ' || w.url
        else 'unknown requests of pg_net' end as name,
      coalesce(l.project_id, '') as project_id, h.table_name,
      coalesce(nullif(h.method, ''), w.method) as method,
      coalesce(case when h.url <> '' then tocsin_internal.webhook_url(h.url) end, w.url) as url
    from response r
    left join label l on l.id = r.id
    left join hook h on h.id = r.id
    left join tocsin_internal.waiting_requests w on w.request_id = r.id
      -- where each request has a URL of its own, most are told together
      and ((select count(*) from tocsin.webhooks s where s.kind = 'seen') < 500
        or exists (select from tocsin.webhooks s
          where s.kind = 'seen' and s.name = left(w.method || ' ' || w.url, 200)))
    where not coalesce(l.is_own, false)
  )
  select array_agg(row(k.response, md5(concat_ws('/', k.kind, k.project_id, k.name)), k.kind,
    left(k.name, 200), k.project_id, k.table_name, k.method, k.url)::tocsin_internal.net_answer)
  from known k
$$;

comment on function tocsin_internal.answers_of(tocsin_internal.net_response[]) is
  'The responses with the webhooks that they answer, but for those to Tocsin''s own requests.';

create function tocsin_internal.keep_answers(
  p_answers tocsin_internal.net_answer[], p_now timestamptz
) returns void
language plpgsql set search_path = ''
as $$
begin
  insert into tocsin.webhooks as w (webhook_id, kind, name, project_id, table_name, method, url,
    failures_in_row, last_answered_at, last_success_at, last_failure_at, last_status_code,
    last_error, first_seen_at)
  select n.webhook_id, n.kind, n.name, n.project_id, n.table_name, n.method, n.url,
    s.failures_in_row, (n.response).answered_at, s.last_success_at, s.last_failure_at,
    (n.response).status_code,
    left((tocsin_internal.redact_texts(array[s.last_error], 2000))[1], 500), p_now
  from (
    select distinct on (u.webhook_id) u.*
    from unnest(p_answers) with ordinality as u (response, webhook_id, kind, name, project_id,
      table_name, method, url, n)
    order by u.webhook_id, u.n desc
  ) as n
  join (
    select a.webhook_id,
      count(*) filter (where (a.response).is_failure and a.n > a.last_good) as failures_in_row,
      max((a.response).answered_at) filter (where not (a.response).is_failure) as last_success_at,
      max((a.response).answered_at) filter (where (a.response).is_failure) as last_failure_at,
      (array_agg((a.response).error order by a.n desc)
        filter (where (a.response).is_failure))[1] as last_error
    from (
      select u.response, u.webhook_id, u.n, coalesce(max(u.n)
        filter (where not (u.response).is_failure) over (partition by u.webhook_id), 0) as last_good
      from unnest(p_answers) with ordinality as u (response, webhook_id, kind, name, project_id,
        table_name, method, url, n)
    ) as a
    group by a.webhook_id
  ) as s on s.webhook_id = n.webhook_id
  order by n.webhook_id
  on conflict (webhook_id) do update
    set table_name = coalesce(excluded.table_name, w.table_name),
      method = coalesce(excluded.method, w.method), url = coalesce(excluded.url, w.url),
      failures_in_row = excluded.failures_in_row
        + case when excluded.last_success_at is null then w.failures_in_row else 0 end,
      last_answered_at = excluded.last_answered_at,
      last_success_at = coalesce(excluded.last_success_at, w.last_success_at),
      last_failure_at = coalesce(excluded.last_failure_at, w.last_failure_at),
      last_status_code = excluded.last_status_code,
      last_error = coalesce(excluded.last_error, w.last_error);

  insert into tocsin.webhook_metrics as m (webhook_id, minute, request_count, failure_count)
  select a.webhook_id, date_trunc('minute', p_now), count(*),
    count(*) filter (where (a.response).is_failure)
  from unnest(p_answers) as a group by a.webhook_id order by a.webhook_id
  on conflict (webhook_id, minute) do update
    set request_count = m.request_count + excluded.request_count,
      failure_count = m.failure_count + excluded.failure_count;
end
$$;

comment on function tocsin_internal.keep_answers(tocsin_internal.net_answer[], timestamptz) is
  'Writes down how the webhooks of these answers fare.';

create function tocsin_internal.tell_webhook_failures(p_answers tocsin_internal.net_answer[])
returns void
language sql set search_path = ''
as $$
  select tocsin_internal.append_watched(array_agg(e.error)) from (
    select row(null, 0, null, false, false, null,
      md5(concat_ws('/', 'pg_net', (a.response).request_id,
        extract(epoch from (a.response).answered_at)))::uuid,
      (a.response).answered_at, null, 'webhook', null, null, a.project_id, a.name, a.name, null,
      (a.response).request_id, null, null, null, 'pg_net', null, null, null, null,
      (a.response).status_code,
      coalesce(a.method || ' ' || a.url, 'The request')
        || case when (a.response).status_code >= 400 then ' ' else ': ' end
        || coalesce((a.response).error, 'failed'), null,
      jsonb_strip_nulls(jsonb_build_object('webhook', a.name, 'kind', a.kind, 'url', a.url,
        'method', a.method, 'table', a.table_name)))::tocsin_internal.reported_errors as error
    from unnest(p_answers) as a where (a.response).is_failure
  ) as e having count(*) > 0
$$;

comment on function tocsin_internal.tell_webhook_failures(tocsin_internal.net_answer[]) is
  'Makes a failure event of each answer that is a failure.';

revoke all on all functions in schema tocsin_internal from public;
