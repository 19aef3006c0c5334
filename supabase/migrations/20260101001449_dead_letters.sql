-- Dead letters: what the consumers of a pgmq queue gave up. Operators list them, look into them,
-- send them again and drop them; what they did stays in dead_letter_actions.
--
-- A queue names its dead-letter queue with watch_queue(); Tocsin's own name theirs by themselves. A
-- letter is sent again as the message that it is, or as the part of it that dead_letter_payload
-- names, in one transaction with its removal. What is shown is redacted by the same rules as
-- everything that is stored.
--
-- SECURITY DEFINER functions, because nobody may read or write pgmq's tables through the Data API.
-- Each asks first whether the caller is an operator:
--   tocsin_internal.read_dead_letters(text, text, int, bigint, bigint)
--   tocsin_internal.act_on_dead_letters(text, text, text, bigint[], timestamptz)
--
-- Errors: TC094 to TC097 (docs/reference/errors.md).

create table tocsin.dead_letter_actions (
  action_id bigint generated always as identity primary key,
  action text not null,
  kind tocsin.queue_kind not null,
  queue_name text not null,
  dead_letter_queue text not null,
  msg_id bigint not null,
  new_msg_id bigint,
  made_by uuid,
  made_at timestamptz not null,
  constraint action_is_replayed_or_dropped check (action in ('replayed', 'dropped'))
);

create index dead_letter_actions_queue_name_made_at_idx on tocsin.dead_letter_actions
  (queue_name, made_at desc);
create index dead_letter_actions_made_at_idx on tocsin.dead_letter_actions (made_at);

comment on table tocsin.dead_letter_actions is
  'Which dead letters were sent again or dropped, when and by whom. Kept 400 days. Written by '
  'replay_dead_letters() and drop_dead_letters().';
comment on column tocsin.dead_letter_actions.action_id is 'The order of acting.';
comment on column tocsin.dead_letter_actions.action is 'replayed or dropped.';
comment on column tocsin.dead_letter_actions.kind is 'What keeps the queue.';
comment on column tocsin.dead_letter_actions.queue_name is 'The queue whose dead letter it was.';
comment on column tocsin.dead_letter_actions.dead_letter_queue is 'Where it lay.';
comment on column tocsin.dead_letter_actions.msg_id is 'Its id there.';
comment on column tocsin.dead_letter_actions.new_msg_id is
  'The id of the message that it became; null: it was dropped, or is no message of a queue.';
comment on column tocsin.dead_letter_actions.made_by is
  'The user who was signed in; null: nobody was, as in Studio or in SQL.';
comment on column tocsin.dead_letter_actions.made_at is 'When.';

create function tocsin_internal.queue_of_dead_letters(p_queue_name text, p_kind text)
returns tocsin.queues
language plpgsql stable set search_path = ''
as $$
declare
  v_queue tocsin.queues;
begin
  perform tocsin_internal.refuse_all_but_operators();
  if p_kind is distinct from 'pgmq' then
    raise exception 'Dead letters of % are not handled here', coalesce(p_kind, 'null')
      using errcode = 'TC095', hint = 'pg-boss has its own: boss.redrive(), boss.deleteJob(). '
        'Only those of pgmq are handled here.';
  end if;
  select * into v_queue from tocsin.queues q
  where q.kind = 'pgmq' and q.queue_name = p_queue_name;
  if v_queue.dead_letter_queue is null
    or to_regclass(format('pgmq.%I', lower('q_' || v_queue.dead_letter_queue))) is null
  then
    raise exception 'The queue "%" names no dead-letter queue that is there', p_queue_name
      using errcode = 'TC096', hint = format('select tocsin.watch_queue(%L, p_options => '
        '''{"dead_letter_queue": "…"}'')', p_queue_name);
  end if;
  return v_queue;
end
$$;

comment on function tocsin_internal.queue_of_dead_letters(text, text) is
  'The queue whose dead letters an operator asks for. Raises TC094 to TC096.';

create type tocsin_internal.dead_letter as (
  msg_id bigint,
  dead_letter_queue text,
  project_id text,
  enqueued_at timestamptz,
  read_count int,
  size_bytes int,
  message jsonb,
  headers jsonb
);
comment on type tocsin_internal.dead_letter is 'A dead letter, redacted.';

create function tocsin_internal.read_dead_letters(
  p_queue_name text, p_kind text, p_limit int, p_before bigint, p_msg_id bigint
) returns setof tocsin_internal.dead_letter
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_queue constant tocsin.queues := tocsin_internal.queue_of_dead_letters(p_queue_name, p_kind);
  v_table constant text := lower('q_' || v_queue.dead_letter_queue);
  v_own constant tocsin_internal.own_redaction :=
    tocsin_internal.own_redaction(v_queue.project_id);
  v_letter record;
  v tocsin_internal.dead_letter;
begin
  -- what dynamic SQL returns, for supabase db lint
  perform 'PRAGMA:TYPE:v_letter (msg_id bigint, enqueued_at timestamptz, read_ct int, '
    'message jsonb, size int, headers jsonb)';
  for v_letter in execute format(
    'select msg_id, enqueued_at, read_ct, message, octet_length(message::text) as size, %s '
    'as headers from pgmq.%I where %s order by msg_id desc limit $1',
    case when tocsin_internal.has_column(format('pgmq.%I', v_table)::regclass, 'headers')
      then 'headers' else 'null::jsonb' end, v_table,
    case when p_msg_id is not null then 'msg_id = $3' when p_before is not null
      then 'msg_id < $2' else 'true' end) using p_limit, p_before, p_msg_id
  loop
    v.msg_id := v_letter.msg_id;
    v.dead_letter_queue := v_queue.dead_letter_queue;
    v.project_id := v_queue.project_id;
    v.enqueued_at := v_letter.enqueued_at;
    v.read_count := v_letter.read_ct;
    v.size_bytes := v_letter.size;
    v.message := tocsin_internal.redact_own_json(
      tocsin_internal.redact_metadata(v_letter.message), v_own);
    v.headers := case when v_letter.headers is not null then tocsin_internal.redact_own_json(
      tocsin_internal.redact_metadata(v_letter.headers), v_own) end;
    return next v;
  end loop;
end
$$;

comment on function tocsin_internal.read_dead_letters(text, text, int, bigint, bigint) is
  'Dead letters of a queue, newest first, redacted: one, or those before one. For operators.';

create function tocsin_internal.say_letter_error(p_message jsonb) returns text
language sql immutable set search_path = ''
as $$
  select left(coalesce(p_message ->> 'dead_letter_error', p_message #>> '{error,message}',
    p_message ->> 'error', p_message ->> 'error_message', p_message ->> 'reason'), 500)
$$;

comment on function tocsin_internal.say_letter_error(jsonb) is
  'The error that a dead letter tells of, at the places where it usually stands.';

create function tocsin.list_dead_letters(
  p_queue_name text, p_kind text default 'pgmq', p_limit int default 50,
  p_before bigint default null
) returns table (msg_id bigint, dead_letter_queue text, enqueued_at timestamptz, read_count int,
  size_bytes int, error text, preview text)
language sql stable set search_path = ''
as $$
  select l.msg_id, l.dead_letter_queue, l.enqueued_at, l.read_count, l.size_bytes,
    tocsin_internal.say_letter_error(l.message), left(l.message::text, 200)
  from tocsin_internal.read_dead_letters(p_queue_name, p_kind,
    least(greatest(coalesce(p_limit, 50), 1), 500), p_before, null) as l
$$;

comment on function tocsin.list_dead_letters(text, text, int, bigint) is
  'The dead letters of a queue, newest first, 500 at most; those before the id p_before. Redacted. '
  'For operators. Raises TC094 to TC096.';

create function tocsin.inspect_dead_letter(
  p_queue_name text, p_msg_id bigint, p_kind text default 'pgmq'
) returns jsonb
language plpgsql stable set search_path = ''
as $$
declare
  v_letter tocsin_internal.dead_letter;
begin
  select * into v_letter
  from tocsin_internal.read_dead_letters(p_queue_name, p_kind, 1, null, coalesce(p_msg_id, 0));
  if v_letter.msg_id is null then
    raise exception 'The queue "%" has no dead letter %', p_queue_name, p_msg_id
      using errcode = 'TC097', hint = format('select * from tocsin.list_dead_letters(%L)',
        p_queue_name);
  end if;
  return jsonb_build_object('msg_id', v_letter.msg_id, 'queue_name', p_queue_name,
    'dead_letter_queue', v_letter.dead_letter_queue, 'enqueued_at', v_letter.enqueued_at,
    'read_count', v_letter.read_count, 'size_bytes', v_letter.size_bytes,
    'error', tocsin_internal.say_letter_error(v_letter.message),
    'message', v_letter.message, 'headers', v_letter.headers);
end
$$;

comment on function tocsin.inspect_dead_letter(text, bigint, text) is
  'One dead letter in full, redacted: message, headers, when it came and how often it was read. '
  'For operators. Raises TC094 to TC097.';

-- Sending again, and dropping ---------------------------------------------------------------------

create function tocsin_internal.send_letter_again(
  p_queue tocsin.queues, p_message jsonb, p_headers jsonb, p_now timestamptz
) returns bigint
language plpgsql set search_path = ''
as $$
declare
  v_message jsonb := p_message;
  v_delivery record;
  v_msg_id bigint;
begin
  if p_queue.queue_name = 'tocsin_deliveries' then
    -- the delivery is the truth; its letter goes when it is due again
    select d.delivery_id, d.channel_id into v_delivery from tocsin.deliveries d
    where d.delivery_id::text = p_message ->> 'delivery_id' and d.state in ('dead', 'pending');
    if found then
      perform tocsin_internal.replay_delivery(v_delivery.delivery_id, v_delivery.channel_id, p_now);
    end if;
    return null;
  elsif p_queue.queue_name = 'tocsin_failures' then
    v_message := p_message - 'dead_letter_error';
    if v_message ? 'report_id' then
      -- a report is no message: it goes back to the reports, as a new one
      execute (
        select format('insert into tocsin_internal.reported_errors (%1$s) select %1$s from '
          'jsonb_populate_record(null::tocsin_internal.reported_errors, $1)',
          string_agg(quote_ident(a.attname), ', '))
        from pg_catalog.pg_attribute a
        where a.attrelid = 'tocsin_internal.reported_errors'::regclass and a.attnum > 0
          and not a.attisdropped and a.attname not in ('report_id')
      ) using v_message || '{"attempts": 0, "due_at": null}';
      return null;
    end if;
  elsif p_queue.dead_letter_payload is not null then
    v_message := p_message -> p_queue.dead_letter_payload;
    if v_message is null then
      raise exception 'A dead letter of "%" has no "%"', p_queue.queue_name,
        p_queue.dead_letter_payload using errcode = 'TC097',
        hint = 'select tocsin.watch_queue(…) with another dead_letter_payload, or null.';
    elsif jsonb_typeof(v_message) = 'string' and v_message #>> '{}' ~ '^\s*[\[{]' then
      begin
        v_message := (v_message #>> '{}')::jsonb;
      exception when invalid_text_representation then
        null; -- a text it is
      end;
    end if;
  end if;
  -- headers came with pgmq 1.5
  if p_headers is not null and to_regprocedure('pgmq.send(text, jsonb, jsonb)') is not null then
    execute 'select * from pgmq.send($1, $2, $3)' into v_msg_id
    using p_queue.queue_name, v_message, p_headers;
  else
    select * into v_msg_id from pgmq.send(p_queue.queue_name, v_message);
  end if;
  return v_msg_id;
end
$$;

comment on function tocsin_internal.send_letter_again(tocsin.queues, jsonb, jsonb, timestamptz) is
  'Makes a dead letter a message of its queue again, whose id it returns; null: it is none of a '
  'queue. Raises TC097.';

create function tocsin_internal.act_on_dead_letters(
  p_action text, p_queue_name text, p_kind text, p_msg_ids bigint[], p_now timestamptz
) returns bigint
language plpgsql security definer set search_path = ''
as $$
declare
  v_queue constant tocsin.queues := tocsin_internal.queue_of_dead_letters(p_queue_name, p_kind);
  v_table constant text := lower('q_' || v_queue.dead_letter_queue);
  v_letter record;
  v_new bigint;
  v_count bigint := 0;
begin
  if p_action = 'replayed' and exists (select from tocsin.queues q where q.kind = 'pgmq'
    and q.dead_letter_queue = v_queue.dead_letter_queue and q.queue_name <> v_queue.queue_name)
  then
    raise exception 'Other queues than "%" have their dead letters in "%" too', p_queue_name,
      v_queue.dead_letter_queue using errcode = 'TC096', hint = 'Nobody can tell whose each is. '
        'Give each queue a dead-letter queue of its own, or send it again with pgmq.send().';
  end if;
  -- what dynamic SQL returns, for supabase db lint
  perform 'PRAGMA:TYPE:v_letter (msg_id bigint, message jsonb, headers jsonb)';
  for v_letter in execute format('select msg_id, message, %s as headers from pgmq.%I '
    'where msg_id = any ($1) order by msg_id for update skip locked',
    case when tocsin_internal.has_column(format('pgmq.%I', v_table)::regclass, 'headers')
      then 'headers' else 'null::jsonb' end, v_table) using p_msg_ids
  loop
    v_new := case when p_action = 'replayed' then tocsin_internal.send_letter_again(v_queue,
      v_letter.message, v_letter.headers, p_now) end;
    perform pgmq.delete(v_queue.dead_letter_queue, v_letter.msg_id);
    insert into tocsin.dead_letter_actions (action, kind, queue_name, dead_letter_queue, msg_id,
      new_msg_id, made_by, made_at)
    values (p_action, 'pgmq', p_queue_name, v_queue.dead_letter_queue, v_letter.msg_id, v_new,
      tocsin_internal.signed_in_user(), p_now);
    v_count := v_count + 1;
  end loop;
  return v_count;
end
$$;

comment on function tocsin_internal.act_on_dead_letters(text, text, text, bigint[], timestamptz) is
  'Sends dead letters again, or drops them, each once. Returns how many there were. For operators.';

create function tocsin.replay_dead_letters(
  p_queue_name text, p_msg_ids bigint[], p_kind text default 'pgmq',
  p_now timestamptz default clock_timestamp()
) returns bigint
language sql set search_path = ''
as $$
  select tocsin_internal.act_on_dead_letters('replayed', p_queue_name, p_kind, p_msg_ids, p_now)
$$;

comment on function tocsin.replay_dead_letters(text, bigint[], text, timestamptz) is
  'Sends these dead letters again, to the queue that they come from, and takes them out of the '
  'dead-letter queue, in one transaction. Returns how many there were. For operators. Raises TC094 '
  'to TC097.';

create function tocsin.drop_dead_letters(
  p_queue_name text, p_msg_ids bigint[], p_kind text default 'pgmq',
  p_now timestamptz default clock_timestamp()
) returns bigint
language sql set search_path = ''
as $$
  select tocsin_internal.act_on_dead_letters('dropped', p_queue_name, p_kind, p_msg_ids, p_now)
$$;

comment on function tocsin.drop_dead_letters(text, bigint[], text, timestamptz) is
  'Deletes these dead letters for good. Returns how many there were. For operators. Raises TC094 '
  'to TC096.';

-- Privileges --------------------------------------------------------------------------------------

alter table tocsin.dead_letter_actions enable row level security;
create policy operators_see_what_was_done on tocsin.dead_letter_actions
  for select to authenticated using ((select tocsin_internal.is_operator()));

revoke all on tocsin.dead_letter_actions from public, anon, authenticated, service_role;
grant select on tocsin.dead_letter_actions to authenticated, service_role;
revoke all on all functions in schema tocsin_internal from public;
revoke all on function tocsin.list_dead_letters(text, text, int, bigint),
  tocsin.inspect_dead_letter(text, bigint, text),
  tocsin.replay_dead_letters(text, bigint[], text, timestamptz),
  tocsin.drop_dead_letters(text, bigint[], text, timestamptz) from public, anon;
grant execute on function tocsin.list_dead_letters(text, text, int, bigint),
  tocsin.inspect_dead_letter(text, bigint, text),
  tocsin.replay_dead_letters(text, bigint[], text, timestamptz),
  tocsin.drop_dead_letters(text, bigint[], text, timestamptz) to authenticated, service_role;
grant execute on function tocsin_internal.read_dead_letters(text, text, int, bigint, bigint),
  tocsin_internal.act_on_dead_letters(text, text, text, bigint[], timestamptz),
  tocsin_internal.say_letter_error(jsonb) to authenticated, service_role;
