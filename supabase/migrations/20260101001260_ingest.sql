-- Ingestion: failures of runs, from the queue into tocsin.error_metrics.
--
-- Ingestion takes a batch in one set-based statement inside one guard. Only a batch that fails is
-- redone in halves, down to the message that is bad; that one is tried five times and then lies in
-- tocsin_failures_dlq with its error. The queue and its effects share the database, so each failure
-- has its effects exactly once.
--
-- Claiming commits before ingesting begins: should ingestion be killed without a word, the next
-- claim finds what was left, and takes smaller bites until the killer is alone. What another heart
-- has just claimed, or is storing right now, was not left.
--
-- SECURITY DEFINER functions: none.

create table tocsin_internal.claimed_failures (
  msg_id bigint primary key,
  read_ct int not null,
  message jsonb not null,
  claimed_at timestamptz not null
);

comment on table tocsin_internal.claimed_failures is
  'The messages of tocsin_failures that ingestion is at. Empty between two beats, unless one died.';
comment on column tocsin_internal.claimed_failures.msg_id is 'The message.';
comment on column tocsin_internal.claimed_failures.read_ct is 'How often it has been read.';
comment on column tocsin_internal.claimed_failures.message is 'What it says: ids and a time.';
comment on column tocsin_internal.claimed_failures.claimed_at is 'When it was claimed.';

alter table tocsin_internal.installation add column ingest_bite int not null default 20000;
comment on column tocsin_internal.installation.ingest_bite is
  'How many failures ingestion takes at once: less after it died, and more again when it does not.';

create function tocsin_internal.look_up_runs(p_source_id text, p_run_ids text[])
returns table (source_id text, run_id text, project_id text, workflow_id text, workflow_name text,
  node text, error text, attempt int)
language plpgsql set search_path = '' set lock_timeout = '1s'
as $$
declare
  v_half constant int := cardinality(p_run_ids) / 2;
begin
  return query execute format(
    'select %L::text, d.run_id, d.project_id, d.workflow_id, d.workflow_name, d.node, d.error,
       d.attempt from tocsin_internal.%I($1) as d', p_source_id, 'describe_' || p_source_id)
    using p_run_ids;
exception
  when lock_not_available then
    raise; -- the host is changing its table: ingestion asks again later
  when data_exception then
    -- a value that cannot be read must not take the text of all the others with it
    if v_half > 0 then
      return query
        select * from tocsin_internal.look_up_runs(p_source_id, p_run_ids[: v_half])
        union all
        select * from tocsin_internal.look_up_runs(p_source_id, p_run_ids[v_half + 1 :]);
    else
      perform tocsin_internal.record_fault('look_up_runs', sqlstate, sqlerrm,
        format('run %s of %s', p_run_ids[1], p_source_id));
    end if;
  when others then
    -- the host changed its table: the failures still count, without their text
    perform tocsin_internal.record_fault('look_up_runs', sqlstate, sqlerrm, p_source_id);
end
$$;

comment on function tocsin_internal.look_up_runs(text, text[]) is
  'What the source says of the runs; nothing, and a fault in stage_faults, when it cannot be '
  'asked.';

create function tocsin_internal.ingest_messages(p_messages jsonb[], p_now timestamptz)
returns uuid[]
language sql set search_path = ''
as $$
  with message as (
    select (m ->> 'error_id')::uuid as error_id, m ->> 'source_id' as source_id,
      m ->> 'run_id' as run_id, m ->> 'project_id' as project_id,
      m ->> 'workflow_id' as workflow_id, m ->> 'outcome' as outcome,
      (m ->> 'failed_at')::timestamptz as failed_at
    from unnest(p_messages) as m
  ),
  described as materialized (
    select d.* from (
      select source_id, array_agg(distinct run_id) as run_ids from message
      where run_id is not null group by source_id
    ) as s
    cross join lateral tocsin_internal.look_up_runs(s.source_id, s.run_ids) as d
  )
  select tocsin_internal.store_errors(array_agg(row(
      null, 0, p_now, false, false, null, m.error_id, m.failed_at, 'run', 'worker',
      case m.outcome when 'timed_out' then 'timeout' end, null,
      left(coalesce(m.project_id, d.project_id, ''), 200),
      left(coalesce(m.workflow_id, d.workflow_id, ''), 200),
      d.workflow_name, m.source_id, m.run_id, left(d.node, 200), d.attempt,
      null, null, left(s.mapping ->> 'environment', 100), null, null, null, null,
      left(d.error, 65536), null, null)::tocsin_internal.reported_errors), p_now)
  from message m
  left join described d on d.source_id = m.source_id and d.run_id = m.run_id
  left join tocsin.run_sources s on s.source_id = m.source_id
$$;

comment on function tocsin_internal.ingest_messages(jsonb[], timestamptz) is
  'Stores the failures of the messages, with what their sources say of them. Returns the new ones.';

create function tocsin_internal.give_back_failures(
  p_msg_ids bigint[], p_seconds int, p_were_tried boolean
) returns void
language plpgsql set search_path = ''
as $$
begin
  -- all at once, which pgmq.set_vt() cannot; what was not tried is not counted as an attempt
  update pgmq.q_tocsin_failures
  set vt = clock_timestamp() + make_interval(secs => p_seconds),
    read_ct = case when p_were_tried then read_ct else greatest(read_ct - 1, 0) end
  where msg_id = any (p_msg_ids);
  delete from tocsin_internal.claimed_failures where msg_id = any (p_msg_ids);
end
$$;

comment on function tocsin_internal.give_back_failures(bigint[], int, boolean) is
  'Gives claimed failures back to their queue, to be read again in p_seconds.';

create function tocsin_internal.claim_failures(p_now timestamptz default clock_timestamp())
returns bigint
language plpgsql set search_path = '' set jit = off
as $$
declare
  v_left int;
  v_message tocsin_internal.claimed_failures;
  v_bite int;
begin
  if exists (
    select from tocsin_internal.claimed_failures
    where claimed_at between p_now - interval '10 seconds' and p_now)
    or not pg_try_advisory_xact_lock(hashtext('tocsin'), hashtext('ingest'))
  then
    return 0; -- another heart is at them, or about to be
  end if;
  select count(*) into v_left from tocsin_internal.claimed_failures;
  update tocsin_internal.installation
  set ingest_bite = case when v_left > 0 then greatest(1, least(ingest_bite, v_left) / 10)
                         else least(ingest_bite * 4, 20000) end
  where is_the_only_row
  returning ingest_bite into v_bite;

  if v_left = 1 then
    select * into v_message from tocsin_internal.claimed_failures;
    if v_message.read_ct >= 5 then
      perform tocsin_internal.bury_failure(v_message, 'ingestion died on it, alone, five times',
        p_now);
    end if;
  end if;
  if v_left > 0 then
    perform tocsin_internal.give_back_failures(
      array(select msg_id from tocsin_internal.claimed_failures), 0, true);
  end if;

  insert into tocsin_internal.claimed_failures (msg_id, read_ct, message, claimed_at)
  select msg_id, read_ct, message, p_now from pgmq.read('tocsin_failures', 60, v_bite);
  get diagnostics v_left = row_count;
  return v_left;
end
$$;

comment on function tocsin_internal.claim_failures(timestamptz) is
  'Takes the next failures from the queue, counting the attempt, unless another heart is at those '
  'that it took. A stage of the heart, committed before ingest() tries them.';

create function tocsin_internal.bury_failure(
  p_message tocsin_internal.claimed_failures, p_error text, p_now timestamptz
) returns void
language plpgsql set search_path = ''
as $$
begin
  perform pgmq.send('tocsin_failures_dlq',
    p_message.message || jsonb_build_object('dead_letter_error', left(p_error, 2000)));
  perform pgmq.delete('tocsin_failures', p_message.msg_id);
  delete from tocsin_internal.claimed_failures where msg_id = p_message.msg_id;
  perform tocsin_internal.decide_unstored(p_message.message, p_error, p_now);
end
$$;

comment on function tocsin_internal.bury_failure(tocsin_internal.claimed_failures, text,
  timestamptz) is
  'Moves a message that cannot be ingested to tocsin_failures_dlq, with the reason, and has it '
  'decided.';

create function tocsin_internal.ingest_some(
  p_messages tocsin_internal.claimed_failures[], p_now timestamptz
) returns void
language plpgsql set search_path = ''
as $$
declare
  v_count constant int := cardinality(p_messages);
  v_message tocsin_internal.claimed_failures;
begin
  if v_count = 0 then
    return;
  end if;
  begin
    perform tocsin_internal.admit_errors(tocsin_internal.ingest_messages(
      array(select m.message from unnest(p_messages) as m), p_now), p_now);
    perform pgmq.delete('tocsin_failures', array(select m.msg_id from unnest(p_messages) as m));
    delete from tocsin_internal.claimed_failures
    where msg_id in (select m.msg_id from unnest(p_messages) as m);
    return;
  exception when lock_not_available then
    -- the host is changing a table of its runs: all of them wait, for their text
    perform tocsin_internal.record_fault('ingest', sqlstate, sqlerrm,
      format('%s failures wait', v_count));
    perform tocsin_internal.give_back_failures(
      array(select m.msg_id from unnest(p_messages) as m), 5, false);
    return;
  when others then
    if v_count = 1 then
      v_message := p_messages[1];
      perform tocsin_internal.record_fault('ingest', sqlstate, sqlerrm,
        format('message %s of tocsin_failures, attempt %s', v_message.msg_id, v_message.read_ct));
      if v_message.read_ct >= 5 then
        perform tocsin_internal.bury_failure(v_message, sqlerrm, p_now);
      else
        perform tocsin_internal.give_back_failures(
          array[v_message.msg_id], (2 ^ v_message.read_ct)::int, true);
      end if;
      return;
    end if;
  end;
  perform tocsin_internal.ingest_some(p_messages[: v_count / 2], p_now);
  perform tocsin_internal.ingest_some(p_messages[v_count / 2 + 1 :], p_now);
end
$$;

comment on function tocsin_internal.ingest_some(tocsin_internal.claimed_failures[], timestamptz) is
  'Ingests the messages at once or, when that fails, in halves; a bad one is put off or buried.';

create function tocsin_internal.ingest(p_now timestamptz default clock_timestamp())
returns bigint
language plpgsql set search_path = '' set jit = off
as $$
declare
  v_until constant timestamptz := clock_timestamp() + interval '2 seconds';
  v_messages tocsin_internal.claimed_failures[];
  v_total bigint := 0;
begin
  loop
    select array_agg(c order by c.msg_id) into v_messages from (
      select * from tocsin_internal.claimed_failures order by msg_id limit 1000
    ) as c;
    exit when v_messages is null;
    perform tocsin_internal.ingest_some(v_messages, p_now);
    v_total := v_total + cardinality(v_messages);
    if clock_timestamp() > v_until then
      perform tocsin_internal.give_back_failures(
        array(select msg_id from tocsin_internal.claimed_failures), 0, false);
      -- the next claim takes about as much as could be done now
      update tocsin_internal.installation
      set ingest_bite = least(ingest_bite, greatest(v_total / 3, 250)) where is_the_only_row;
      exit;
    end if;
  end loop;
  return v_total;
end
$$;

comment on function tocsin_internal.ingest(timestamptz) is
  'Ingests what claim_failures() took, for up to two seconds; gives the rest back. A stage of the '
  'heart.';

-- Row-level security and privileges ---------------------------------------------------------------

alter table tocsin_internal.claimed_failures enable row level security;

create policy nobody_reads_it_through_the_api on tocsin_internal.claimed_failures using (false);

revoke all on tocsin_internal.claimed_failures from public, anon, authenticated, service_role;
revoke all on all functions in schema tocsin_internal from public;
