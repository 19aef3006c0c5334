-- Storing: what every error goes through on its way into tocsin.error_metrics, a batch at a time.
--
--   new ones only > unwrap > redact > understand > classify > fingerprint > group > store
--
-- What is dear is done once for what is alike: redacting and understanding once for each distinct
-- text, classifying once for each distinct kind. Rows that other sessions may write as well are
-- always taken in the order of their keys, so that two batches never wait for each other.
--
-- In a spike of one group (more than 100 errors in a minute) further errors are counted and stored
-- without message, stack and metadata, but for one in 100. The group says how many.
--
-- SECURITY DEFINER functions: none.

alter table tocsin_internal.installation add column environment text;
alter table tocsin_internal.installation add column release text;
comment on column tocsin_internal.installation.environment is
  'TOCSIN_ENVIRONMENT, as the functions announced it: the environment of errors that name none.';
comment on column tocsin_internal.installation.release is
  'TOCSIN_RELEASE, as the functions announced it: the release of errors that name none.';

create function tocsin_internal.understand_errors(
  p_errors tocsin_internal.reported_errors[]
) returns tocsin_internal.understood_text[]
language plpgsql set search_path = ''
as $$
declare
  v_messages text[];
  v_told text[];
begin
  select array_agg(distinct message) filter (where not is_redacted) into v_messages
  from unnest(p_errors) where message is not null;
  v_told := tocsin_internal.redact_texts(coalesce(v_messages, '{}'), 8192);
  return array(
    with text as materialized (
      -- no digit makes another shape than any other, so messages that differ in theirs share one
      select t.message, t.told, translate(left(t.told, 600), '123456789', '000000000') as digitless
      from (
        select * from unnest(v_messages, v_told) as t (message, told)
        union
        select message, message from unnest(p_errors) where is_redacted and message is not null
      ) as t
    ),
    shape as materialized (
      select d.digitless, tocsin_internal.message_shape(d.digitless) as shape, u.exception,
        -- what it names lies in its words: then each of the messages names the same
        d.digitless !~ 'PGRST|SQLSTATE|code|\m000\M.*\m000\M' and u.http_status is null
          and coalesce(u.exception !~ '\d', true) and length(d.digitless) < 600 as is_understood
      from (select distinct digitless from text) as d
      cross join lateral (select translate(d.digitless, '0', '4') as fours) as f
      cross join lateral tocsin_internal.understand_text(f.fours, f.fours) as u
    )
    select row(t.message, t.told, s.shape, s.exception, null, null)::tocsin_internal.understood_text
    from text t join shape s on s.digitless = t.digitless
    where s.is_understood
    union all
    select row(u.message, u.told, s.shape, u.exception, u.sqlstate,
      u.http_status)::tocsin_internal.understood_text
    from text t join shape s on s.digitless = t.digitless
    cross join lateral tocsin_internal.understand_text(t.message, t.told) as u
    where not s.is_understood);
end
$$;

comment on function tocsin_internal.understand_errors(tocsin_internal.reported_errors[]) is
  'Redacts and understands each distinct message of the errors.';

create function tocsin_internal.classify_errors(
  p_errors tocsin_internal.reported_errors[], p_now timestamptz
) returns tocsin.error_metrics[]
language plpgsql set search_path = ''
as $$
declare
  -- few names, and alike: told once each
  v_names constant text[] := array(
    select distinct name from unnest(p_errors) as e
    cross join lateral (values (e.workflow_name), (left(e.node, 200))) as n (name)
    where name is not null and not e.is_redacted);
  v_names_told constant text[] := tocsin_internal.redact_texts(v_names, 800);
  v_understood constant tocsin_internal.understood_text[] :=
    tocsin_internal.understand_errors(p_errors);
  v_own constant tocsin.error_classifiers[] := array(
    select c from tocsin.error_classifiers c where c.is_enabled);
  v_stacks constant text[] := array(
    select distinct stack from unnest(p_errors) where stack is not null and not is_redacted);
  v_stacks_told constant text[] := tocsin_internal.redact_texts(v_stacks, 32768);
begin
  return (
    with error as materialized (
      select e.*, coalesce(e.project_id, '') as project, t.told, t.shape, f.frames,
        coalesce(e.exception, t.exception) as named, coalesce(e.sqlstate, t.sqlstate) as state,
        coalesce(e.http_status, t.http_status) as status,
        concat_ws(chr(31), e.source, e.origin, e.error_type, e.severity,
          coalesce(e.exception, t.exception, ''), coalesce(e.sqlstate, t.sqlstate, ''),
          coalesce(e.http_status, t.http_status, 0),
          -- people's patterns may tell messages of one shape apart
          case when v_own = '{}' then t.shape else coalesce(e.project_id, '') || t.told end) as kind
      from unnest(p_errors) as e
      left join unnest(v_understood) as t on t.message = e.message
      left join (
        select s.stack, tocsin_internal.top_frames(s.stack) as frames
        from (select distinct stack from unnest(p_errors) where stack is not null) as s
      ) as f on f.stack = e.stack
    ),
    kind as materialized (
      select * from unnest(tocsin_internal.classify_kinds(array(
        select distinct on (e.kind) row(e.kind, e.source::tocsin.error_source,
          e.origin::tocsin.error_origin, e.state, e.status, e.named, left(e.told, 2000), e.project,
          e.error_type::tocsin.error_type, e.severity::tocsin.severity,
          null)::tocsin_internal.error_kind
        from error e order by e.kind), v_own))
    )
    select array_agg(row(e.error_id,
      -- no clock runs ahead of ours
      least(coalesce(e.timestamp, p_now), p_now), e.source::tocsin.error_source,
      k.error_type, k.severity, e.project, coalesce(e.workflow_id, ''),
      coalesce(w.told, e.workflow_name), coalesce(e.source_id, ''), e.run_id,
      coalesce(n.told, left(e.node, 200)), e.attempt,
      left(e.user_id, 200), left(e.component, 200),
      left(coalesce(e.environment, i.environment), 100),
      left(coalesce(e.release, i.release), 200), left(e.named, 200), e.state, e.status, e.told,
      coalesce(s.told, e.stack),
      case when e.metadata is null then '{}' when e.is_redacted then e.metadata
        else tocsin_internal.redact_metadata(e.metadata) end,
      e.origin::tocsin.error_origin,
      left(encode(sha256(convert_to(concat_ws(chr(31), e.source, k.error_type,
        coalesce(e.node, ''), coalesce(e.named, ''), coalesce(e.state, ''),
        coalesce(e.status::text, ''), coalesce(e.shape, ''), coalesce(e.frames, '')), 'UTF8')),
        'hex'), 16), k.rule, false, false, false, false, p_now)::tocsin.error_metrics)
    from error e
    join kind k on k.kind = e.kind
    left join unnest(v_stacks, v_stacks_told) as s (stack, told)
      on s.stack = e.stack and not e.is_redacted
    left join unnest(v_names, v_names_told) as w (name, told)
      on w.name = e.workflow_name and not e.is_redacted
    left join unnest(v_names, v_names_told) as n (name, told)
      on n.name = left(e.node, 200) and not e.is_redacted
    cross join (select environment, release from tocsin_internal.installation) as i
  );
end
$$;

comment on function tocsin_internal.classify_errors(tocsin_internal.reported_errors[],
  timestamptz) is
  'The errors as rows of error_metrics: redacted, classified and with their fingerprints.';

create function tocsin_internal.spike_kept(p_count bigint) returns bigint
language sql immutable parallel safe set search_path = ''
as $$ select case when p_count <= 100 then p_count else 99 + p_count / 100 end $$;

comment on function tocsin_internal.spike_kept(bigint) is
  'Of the first p_count errors of a group in a minute, how many are stored with their text: the '
  'first 100, then one in 100.';

create function tocsin_internal.reopen_groups(
  p_errors tocsin.error_metrics[], p_now timestamptz
) returns setof tocsin.error_groups
language plpgsql set search_path = ''
as $$
begin
  perform from tocsin.error_groups g
  where g.status <> 'open' and (g.project_id, g.fingerprint) in (
    select e.project_id, e.fingerprint from unnest(p_errors) as e)
  order by g.project_id, g.fingerprint for update;

  return query
  with back as (
    select g as was
    from tocsin.error_groups g
    join (
      select e.project_id, e.fingerprint, count(*) as count, max(e.timestamp) as newest_at
      from unnest(p_errors) as e group by 1, 2
    ) as e using (project_id, fingerprint)
    where g.status = 'resolved' and e.newest_at > g.status_changed_at
      or g.status = 'ignored' and (
        g.ignored_until <= p_now
        or g.ignored_count + e.count >= g.ignored_until_count
        or case when g.rate_window_began_at + g.ignored_rate_window > p_now
          then g.rate_window_count else 0 end + e.count >= g.ignored_until_rate)
  ),
  changed as (
    insert into tocsin.error_group_changes (group_id, project_id, action, changed_by, changed_at)
    select (was).group_id, (was).project_id,
      case (was).status when 'resolved' then 'regress' else 'unignore' end::tocsin.group_action,
      null, p_now
    from back order by (was).project_id, (was).fingerprint
  )
  select (was).* from back;
end
$$;

comment on function tocsin_internal.reopen_groups(tocsin.error_metrics[], timestamptz) is
  'Opens the groups that come back: resolved ones with an error that happened afterwards, ignored '
  'ones whose bound is reached. Returns them as they were.';

create function tocsin_internal.group_errors(p_errors tocsin.error_metrics[], p_now timestamptz)
returns table (project text, print text, is_new boolean, is_ignored boolean, spike_count bigint)
language sql set search_path = ''
as $$
  with batch as (
    select e.project_id, e.fingerprint, count(*) as count, min(e.timestamp) as first_at,
      max(e.timestamp) as last_at,
      tocsin_internal.sketch_hashes(array_agg(hashtextextended(e.user_id, 0))
        filter (where e.user_id <> '')) as users,
      tocsin_internal.sketch_hashes(array_agg(hashtextextended(e.source_id || '/' || e.run_id, 0))
        filter (where e.run_id <> '')) as runs,
      tocsin_internal.sketch_hashes(array_agg(distinct hashtextextended(e.workflow_id, 0))
        filter (where e.workflow_id <> '')) as workflows
    from unnest(p_errors) as e group by 1, 2
  ),
  earliest as (
    select distinct on (e.project_id, e.fingerprint) e.project_id, e.fingerprint, e.source,
      e.error_type, e.node, e.release, coalesce(
        nullif(left(split_part(e.message, chr(10), 1), 200), ''), e.exception,
        initcap(replace(e.error_type::text, '_', ' ')) || coalesce(' at ' || e.node, '')) as title
    from unnest(p_errors) as e
    order by e.project_id, e.fingerprint, e.timestamp, e.error_id
  ),
  newest as (
    select distinct on (e.project_id, e.fingerprint) e.project_id, e.fingerprint, e.severity,
      e.release
    from unnest(p_errors) as e
    order by e.project_id, e.fingerprint, e.timestamp desc, e.error_id desc
  ),
  reach as (
    insert into tocsin_internal.error_reach as r
      (project_id, fingerprint, users, runs, workflows)
    select b.project_id, b.fingerprint, b.users, b.runs, b.workflows from batch b
    order by b.project_id, b.fingerprint
    on conflict (project_id, fingerprint) do update
      set users = tocsin_internal.merge_sketches(r.users, excluded.users),
        runs = tocsin_internal.merge_sketches(r.runs, excluded.runs),
        workflows = tocsin_internal.merge_sketches(r.workflows, excluded.workflows)
    returning r.project_id, r.fingerprint, tocsin_internal.sketch_count(r.users) as user_count,
      tocsin_internal.sketch_count(r.runs) as run_count,
      tocsin_internal.sketch_count(r.workflows) as workflow_count
  )
  insert into tocsin.error_groups as g (project_id, fingerprint, title, source, error_type,
    severity, node, first_seen_at, last_seen_at, first_release, last_release, event_count,
    user_count, run_count, workflow_count, spike_minute, spike_count, sampled_out_count)
  select b.project_id, b.fingerprint, f.title, f.source, f.error_type, l.severity, f.node,
    b.first_at, b.last_at, f.release, l.release, b.count, r.user_count, r.run_count,
    r.workflow_count, date_trunc('minute', p_now), b.count,
    b.count - tocsin_internal.spike_kept(b.count)
  from batch b
  join earliest f on f.project_id = b.project_id and f.fingerprint = b.fingerprint
  join newest l on l.project_id = b.project_id and l.fingerprint = b.fingerprint
  join reach r on r.project_id = b.project_id and r.fingerprint = b.fingerprint
  order by b.project_id, b.fingerprint
  on conflict (project_id, fingerprint) do update
    set first_seen_at = least(g.first_seen_at, excluded.first_seen_at),
      last_seen_at = greatest(g.last_seen_at, excluded.last_seen_at),
      severity = excluded.severity,
      last_release = coalesce(excluded.last_release, g.last_release),
      event_count = g.event_count + excluded.event_count,
      user_count = excluded.user_count, run_count = excluded.run_count,
      workflow_count = excluded.workflow_count,
      spike_minute = excluded.spike_minute,
      spike_count = excluded.spike_count
        + case when g.spike_minute = excluded.spike_minute then g.spike_count else 0 end,
      sampled_out_count = g.sampled_out_count + excluded.spike_count
        - case when g.spike_minute = excluded.spike_minute
            then tocsin_internal.spike_kept(g.spike_count + excluded.spike_count)
              - tocsin_internal.spike_kept(g.spike_count)
          else tocsin_internal.spike_kept(excluded.spike_count) end,
      ignored_count = g.ignored_count
        + case g.status when 'ignored' then excluded.event_count else 0 end,
      rate_window_began_at = case
        when g.ignored_until_rate is null then null
        when g.rate_window_began_at + g.ignored_rate_window > p_now then g.rate_window_began_at
        else p_now end,
      rate_window_count = case
        when g.ignored_until_rate is null then 0
        when g.rate_window_began_at + g.ignored_rate_window > p_now then g.rate_window_count
        else 0 end + excluded.spike_count
  returning g.project_id, g.fingerprint, g.xmax = 0, g.status = 'ignored', g.spike_count::bigint
$$;

comment on function tocsin_internal.group_errors(tocsin.error_metrics[], timestamptz) is
  'Counts the errors in their groups, and makes those that are new. spike_count is how many of a '
  'group came in this minute so far, these included.';

create function tocsin_internal.new_errors(
  p_errors tocsin_internal.reported_errors[], p_now timestamptz
) returns tocsin_internal.reported_errors[]
language sql set search_path = ''
as $$
  with first_time as (
    insert into tocsin_internal.seen_errors (error_id, project_id, seen_at)
    select distinct error_id, coalesce(project_id, ''), p_now from unnest(p_errors)
    where not is_seen order by 1, 2
    on conflict (error_id, project_id) do nothing
    returning error_id, project_id
  )
  select array_agg(e) from (
    select distinct on (i.error_id, coalesce(i.project_id, '')) i as e
    from unnest(p_errors) as i
    left join first_time f
      on f.error_id = i.error_id and f.project_id = coalesce(i.project_id, '')
    where i.is_seen or f.error_id is not null
    order by i.error_id, coalesce(i.project_id, '')
  ) as one
$$;

comment on function tocsin_internal.new_errors(tocsin_internal.reported_errors[], timestamptz) is
  'Those of the errors that did not come before; each once.';

create function tocsin_internal.store_errors(
  p_errors tocsin_internal.reported_errors[], p_now timestamptz
) returns uuid[]
language plpgsql set search_path = '' set jit = off
as $$
declare
  v_new tocsin_internal.reported_errors[] := tocsin_internal.new_errors(p_errors, p_now);
  v_errors tocsin.error_metrics[];
  v_back tocsin.error_groups[];
  v_stored uuid[];
begin
  if v_new is null then
    return '{}';
  end if;
  if exists (select from unnest(v_new) where not is_redacted and message ~ '^\s*\{|\n') then
    v_new := array(
      select case when not e.is_redacted and e.message ~ '^\s*\{|\n'
        then tocsin_internal.unwrap_error(e) else e end from unnest(v_new) as e);
  end if;
  v_new := tocsin_internal.redact_as_people_say(v_new);
  v_errors := tocsin_internal.classify_errors(v_new, p_now);
  v_back := array(select b from tocsin_internal.reopen_groups(v_errors, p_now) as b);

  with placed as (
    select e.*, b.status_changed_at as resolved_at,
      row_number() over (partition by e.project_id, e.fingerprint
        order by e.timestamp, e.error_id) as place,
      count(*) over (partition by e.project_id, e.fingerprint) as count,
      row_number() over (partition by e.project_id, e.fingerprint,
        e.timestamp > b.status_changed_at order by e.timestamp, e.error_id) as place_after
    from unnest(v_errors) as e
    left join unnest(v_back) as b on b.status = 'resolved'
      and b.project_id = e.project_id and b.fingerprint = e.fingerprint
  ),
  marked as (
    select p.*, g.is_new as group_is_new, g.is_ignored as group_is_ignored,
      -- what spike_kept() counts: the first 100, then one in 100
      s.nth <= 100 or s.nth % 100 = 0 as is_kept
    from placed p
    join tocsin_internal.group_errors(v_errors, p_now) as g
      on g.project = p.project_id and g.print = p.fingerprint
    cross join lateral (select g.spike_count - p.count + p.place as nth) as s
  ),
  stored as (
    insert into tocsin.error_metrics (error_id, timestamp, source, error_type, severity, project_id,
      workflow_id, workflow_name, source_id, run_id, node, attempt, user_id, component, environment,
      release, exception, sqlstate, http_status, message, stack, metadata, origin, fingerprint,
      classified_by, is_new, is_regression, is_ignored, is_sampled_out, ingested_at)
    select error_id, timestamp, source, error_type, severity, project_id, workflow_id,
      workflow_name, source_id, run_id, node, attempt, user_id, component, environment, release,
      exception, sqlstate, http_status, case when is_kept then message end,
      case when is_kept then stack end, case when is_kept then metadata else '{}' end, origin,
      fingerprint, classified_by, group_is_new and place = 1,
      coalesce(timestamp > resolved_at and place_after = 1, false), group_is_ignored, not is_kept,
      ingested_at
    from marked
    returning error_id
  )
  select array_agg(error_id) into v_stored from stored;

  perform tocsin_internal.count_errors(v_errors, p_now);
  perform tocsin_internal.queue_forwardings(v_stored, p_now);
  perform tocsin_internal.hint_errors(
    array(select distinct e.project_id from unnest(v_errors) as e), p_now);
  return v_stored;
end
$$;

comment on function tocsin_internal.store_errors(tocsin_internal.reported_errors[], timestamptz) is
  'Stores the errors that did not come before: redacted, classified, grouped and counted. Returns '
  'the ids of those.';

revoke all on all functions in schema tocsin_internal from public;
