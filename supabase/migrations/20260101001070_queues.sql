-- Queues: which there are, and what people say of them.
--
-- Every queue of pgmq and of pg-boss is found by itself, Tocsin's own among them. A row here says
-- to which project it belongs, how often it is sampled, where its dead letters go and when it is
-- slow or stalled. Operators edit the rows, in Studio or with watch_queue(); what belongs to no
-- project is theirs alone.
--
-- Errors: TC090 to TC092 (docs/reference/errors.md).
-- SECURITY DEFINER functions: none.

create type tocsin.queue_kind as enum ('pgmq', 'pgboss');
comment on type tocsin.queue_kind is 'What keeps a queue: pgmq, or pg-boss in the schema pgboss.';

create type tocsin.queue_status as enum ('idle', 'healthy', 'slow', 'backing_up', 'stalled');
comment on type tocsin.queue_status is
  'How a queue is: idle (nothing to do), healthy, slow (messages wait too long), backing_up (more '
  'comes in than is finished), stalled (messages are ready and nobody reads). Worst last.';

create table tocsin.queues (
  kind tocsin.queue_kind not null default 'pgmq',
  queue_name text not null,
  project_id text not null default '',
  sample_interval interval not null default '10 seconds',
  is_ignored boolean not null default false,
  dead_letter_queue text,
  dead_letter_payload text,
  slow_after interval not null default '1 minute',
  stalled_after interval not null default '2 minutes',
  backing_up_over int not null default 100,
  poison_reads int not null default 5,
  found_at timestamptz,
  dropped_at timestamptz,
  created_at timestamptz not null default clock_timestamp(),
  updated_at timestamptz not null default clock_timestamp(),
  primary key (kind, queue_name),
  constraint a_queue_has_a_name check (queue_name ~ '\S' and length(queue_name) <= 200),
  constraint sample_interval_is_5_seconds_to_an_hour
    check (sample_interval between interval '5 seconds' and interval '1 hour'),
  constraint slow_after_is_a_second_to_a_week
    check (slow_after between interval '1 second' and interval '7 days'),
  constraint stalled_after_is_10_seconds_to_a_week
    check (stalled_after between interval '10 seconds' and interval '7 days'),
  constraint backing_up_over_is_at_least_one check (backing_up_over between 1 and 10000000),
  constraint poison_reads_is_at_least_one check (poison_reads between 1 and 1000000),
  constraint dead_letters_go_to_another_queue check (dead_letter_queue <> queue_name)
);

create index queues_project_id_idx on tocsin.queues (project_id);

comment on table tocsin.queues is
  'The queues of pgmq and pg-boss, found by themselves, and what people say of them. Operators '
  'change the rows, best with tocsin.watch_queue().';
comment on column tocsin.queues.kind is 'What keeps it: pgmq or pgboss.';
comment on column tocsin.queues.queue_name is 'The queue, as pgmq or pg-boss names it.';
comment on column tocsin.queues.project_id is
  'The project whose members see it; empty: none, and only operators do.';
comment on column tocsin.queues.sample_interval is 'How often it is looked at: 5 s to an hour.';
comment on column tocsin.queues.is_ignored is 'On: it is not looked at.';
comment on column tocsin.queues.dead_letter_queue is
  'The queue, of the same kind, to which its consumers move what they give up. Null: none.';
comment on column tocsin.queues.dead_letter_payload is
  'The key of a dead letter under which the first message stands, for replaying it. Null: the dead '
  'letter is the message.';
comment on column tocsin.queues.slow_after is
  'It is slow when its oldest ready message, or one of twenty, waits for so long.';
comment on column tocsin.queues.stalled_after is
  'It is stalled when messages are ready and nothing has been read for so long.';
comment on column tocsin.queues.backing_up_over is
  'It is backing up when so many more are ready than five minutes ago.';
comment on column tocsin.queues.poison_reads is
  'A message that was read more often than this, or a job that was tried again more often, is '
  'poison.';
comment on column tocsin.queues.found_at is
  'When it was found; null: somebody named it, and it is not there yet. Written by the heart.';
comment on column tocsin.queues.dropped_at is
  'When it was found to be gone; null: it is there. Written by the heart.';
comment on column tocsin.queues.created_at is 'When the row was made.';
comment on column tocsin.queues.updated_at is 'When it was last changed.';

-- what the heart finds is nobody's change
create trigger queues_touch before update of project_id, sample_interval, is_ignored,
  dead_letter_queue, dead_letter_payload, slow_after, stalled_after, backing_up_over, poison_reads
  on tocsin.queues for each row when (
    (old.found_at, old.dropped_at) is not distinct from (new.found_at, new.dropped_at))
  execute function tocsin_internal.touch_updated_at();

-- Finding them ------------------------------------------------------------------------------------

create function tocsin_internal.is_trusted_table(p_name text) returns boolean
language sql stable set search_path = ''
as $$
  -- To read a table is to run what its owner made: the functions of a view, of casts, of indexes.
  -- That is for nobody who is less than who reads, unless whoever reads was given that role.
  select coalesce((
    select c.relkind in ('r', 'p') and bool_and(r.rolsuper
      or pg_catalog.pg_has_role(r.oid, current_user, 'member')
      or pg_catalog.pg_has_role(current_user, r.oid, 'usage')
      or r.rolname in ('supabase_admin', 'supabase_functions_admin'))
    from pg_catalog.pg_class c
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    join pg_catalog.pg_roles r on r.oid in (c.relowner, n.nspowner)
    where c.oid = to_regclass(p_name)
    group by c.relkind), false)
$$;

comment on function tocsin_internal.is_trusted_table(text) is
  'Whether a table is there, and it and its schema belong to roles that may do whatever the caller '
  'may, or that were granted to the caller. Not so for a view.';

create function tocsin_internal.present_queues()
returns table (kind tocsin.queue_kind, queue_name text, dead_letter_queue text)
language plpgsql stable set search_path = ''
as $$
begin
  begin
    return query select 'pgmq'::tocsin.queue_kind, m.queue_name::text,
      case m.queue_name when 'tocsin_failures' then 'tocsin_failures_dlq'
        when 'tocsin_deliveries' then 'tocsin_deliveries_dlq' end
    from pgmq.meta m;
  exception when undefined_table or undefined_column or insufficient_privilege then
    null; -- the one is not there, or not for us to see: then there is the other
  end;
  begin
    if tocsin_internal.is_trusted_table('pgboss.queue') then
      return query execute
        'select ''pgboss''::tocsin.queue_kind, q.name::text, q.dead_letter::text from '
        || to_regclass('pgboss.queue') || ' q';
    end if;
  exception when undefined_table or undefined_column or insufficient_privilege then
    null;
  end;
end
$$;

comment on function tocsin_internal.present_queues() is
  'The queues that pgmq and pg-boss say there are, and the dead-letter queues that are known. '
  'pg-boss is not asked where its tables belong to a role that may less than the heart.';

create function tocsin_internal.find_queues(p_now timestamptz) returns void
language plpgsql set search_path = ''
as $$
#variable_conflict use_column
declare
  v_present text[];
  v_known text[];
begin
  -- what nobody said anything of is forgotten a week after it is gone
  delete from tocsin.queues
  where dropped_at < p_now - interval '7 days'
    and (project_id, sample_interval, dead_letter_queue is null, slow_after, stalled_after,
      backing_up_over, poison_reads) = ('', interval '10 seconds', true, interval '1 minute',
      interval '2 minutes', 100, 5);
  begin
    select array_agg(array[kind::text, queue_name,
        case kind when 'pgboss' then nullif(dead_letter_queue, queue_name) end]
      order by kind, queue_name) into v_present
    from tocsin_internal.present_queues();
  exception when lock_not_available then
    return; -- an upgrade is going on: there are those that are known
  end;
  select array_agg(array[kind::text, queue_name,
      case kind when 'pgboss' then dead_letter_queue end] order by kind, queue_name) into v_known
  from tocsin.queues where found_at is not null and dropped_at is null;
  if v_present is not distinct from v_known then
    return;
  end if;

  -- pg-boss's own queues are its business
  insert into tocsin.queues as q (kind, queue_name, dead_letter_queue, is_ignored, found_at)
  select p.kind, p.queue_name, nullif(p.dead_letter_queue, p.queue_name),
    p.kind = 'pgboss' and p.queue_name like '\_\_pgboss\_\_%', p_now
  from tocsin_internal.present_queues() p
  where length(p.queue_name) <= 200 and p.queue_name ~ '\S'
  on conflict (kind, queue_name) do update set dropped_at = null,
    found_at = case when q.dropped_at is null then coalesce(q.found_at, p_now) else p_now end,
    dead_letter_queue = case q.kind when 'pgboss' then excluded.dead_letter_queue
      else coalesce(q.dead_letter_queue, excluded.dead_letter_queue) end
    where q.found_at is null or q.dropped_at is not null
      -- pg-boss says itself where its dead letters go
      or q.kind = 'pgboss' and q.dead_letter_queue is distinct from excluded.dead_letter_queue;
  update tocsin.queues q set dropped_at = p_now
  where q.found_at is not null and q.dropped_at is null and not exists (
    select from tocsin_internal.present_queues() p
    where p.kind = q.kind and p.queue_name = q.queue_name);
end
$$;

comment on function tocsin_internal.find_queues(timestamptz) is
  'Brings tocsin.queues up to date: queues that are new, and those that are gone.';

-- Saying something of them ------------------------------------------------------------------------

create function tocsin.watch_queue(
  p_queue_name text, p_kind text default 'pgmq', p_options jsonb default '{}'
) returns tocsin.queues
language plpgsql set search_path = ''
as $$
#variable_conflict use_column
declare
  v_known constant text[] := array['project_id', 'interval', 'dead_letter_queue',
    'dead_letter_payload', 'ignore', 'slow_after', 'stalled_after', 'backing_up_over',
    'poison_reads'];
  v_options constant jsonb := coalesce(p_options, '{}');
  v_kind tocsin.queue_kind;
  v_queue tocsin.queues;
  v_unknown text;
begin
  if p_kind is null or p_kind <> all (enum_range(null::tocsin.queue_kind)::text[]) then
    raise exception 'There is no kind of queue "%"', p_kind using errcode = 'TC090',
      hint = 'Say pgmq or pgboss.';
  end if;
  if jsonb_typeof(v_options) <> 'object' then
    raise exception 'The options of a queue are an object' using errcode = 'TC091',
      hint = 'Write {"project_id": "…", "dead_letter_queue": "…"}.';
  end if;
  select string_agg(format('"%s"', k), ', ') into v_unknown
  from jsonb_object_keys(v_options) as k where k <> all (v_known);
  if v_unknown is not null then
    raise exception 'A queue has no option %', v_unknown using errcode = 'TC091',
      hint = 'Its options are: ' || array_to_string(v_known, ', ') || '.';
  end if;
  v_kind := p_kind;
  perform tocsin_internal.refuse_all_but_operators();

  begin
    insert into tocsin.queues (kind, queue_name) values (v_kind, p_queue_name)
    on conflict (kind, queue_name) do nothing;
    -- to null is to say that there is none, or what it is by itself
    update tocsin.queues q set
      project_id = case when v_options ? 'project_id' then
        coalesce(v_options ->> 'project_id', '') else q.project_id end,
      sample_interval = case when v_options ? 'interval' then
        coalesce((v_options ->> 'interval')::interval, '10 seconds') else q.sample_interval end,
      is_ignored = case when v_options ? 'ignore' then
        coalesce((v_options ->> 'ignore')::boolean, false) else q.is_ignored end,
      dead_letter_queue = case when v_options ? 'dead_letter_queue' then
        v_options ->> 'dead_letter_queue' else q.dead_letter_queue end,
      dead_letter_payload = case when v_options ? 'dead_letter_payload' then
        v_options ->> 'dead_letter_payload' else q.dead_letter_payload end,
      slow_after = case when v_options ? 'slow_after' then
        coalesce((v_options ->> 'slow_after')::interval, '1 minute') else q.slow_after end,
      stalled_after = case when v_options ? 'stalled_after' then
        coalesce((v_options ->> 'stalled_after')::interval, '2 minutes') else q.stalled_after end,
      backing_up_over = case when v_options ? 'backing_up_over' then
        coalesce((v_options ->> 'backing_up_over')::int, 100) else q.backing_up_over end,
      poison_reads = case when v_options ? 'poison_reads' then
        coalesce((v_options ->> 'poison_reads')::int, 5) else q.poison_reads end
    where q.kind = v_kind and q.queue_name = p_queue_name
    returning * into v_queue;
  exception when data_exception or check_violation or not_null_violation then
    raise exception 'The options of the queue "%" cannot be: %', p_queue_name, sqlerrm
      using errcode = 'TC092',
        hint = 'interval, slow_after and stalled_after are spans of time such as "30 seconds"; '
        'backing_up_over and poison_reads are whole numbers; ignore is true or false; '
        'dead_letter_queue is another queue.';
  end;
  return v_queue;
end
$$;

comment on function tocsin.watch_queue(text, text, jsonb) is
  'Says something of a queue, whether it is there yet or not: project_id, interval, '
  'dead_letter_queue, dead_letter_payload, ignore, slow_after, stalled_after, backing_up_over, '
  'poison_reads. What is left out stays; null is the default. For operators. Raises TC090 to '
  'TC092, TC094.';

create function tocsin_internal.refuse_all_but_operators() returns void
language plpgsql stable set search_path = ''
as $$
begin
  if not tocsin_internal.is_trusted() and not tocsin_internal.is_operator() then
    raise exception 'That is for operators' using errcode = 'TC094',
      hint = 'Ask an operator: they can see who is one in tocsin.operators.';
  end if;
end
$$;

comment on function tocsin_internal.refuse_all_but_operators() is
  'Raises TC094 when the caller is neither an operator, nor the service or the owner.';

create function tocsin_internal.refuse_strange_dead_letter_queues() returns trigger
language plpgsql set search_path = ''
as $$
begin
  -- who handles a queue's dead letters may delete what lies there: no operator names the host's
  -- other queues so
  -- (of an insert, old is null)
  if new.dead_letter_queue is distinct from old.dead_letter_queue
    and not tocsin_internal.is_trusted()
  then
    raise exception 'Which queue holds the dead letters of "%" is for the owner of the database',
      new.queue_name using errcode = 'TC094',
        hint = format('In Studio''s SQL editor: select tocsin.watch_queue(%L, p_options => '
          '''{"dead_letter_queue": "…"}'')', new.queue_name);
  end if;
  return new;
end
$$;

comment on function tocsin_internal.refuse_strange_dead_letter_queues() is
  'Trigger of tocsin.queues: only the owner and the service name dead-letter queues. Raises TC094.';

create trigger queues_dead_letter_queue before insert or update of dead_letter_queue
  on tocsin.queues for each row
  execute function tocsin_internal.refuse_strange_dead_letter_queues();

-- Privileges --------------------------------------------------------------------------------------

alter table tocsin.queues enable row level security;

create policy members_see_their_projects_queues on tocsin.queues
  for select to authenticated using (
    (select tocsin_internal.is_operator()) or project_id in (select tocsin.my_project_ids())
  );
create policy operators_add_queues on tocsin.queues
  for insert to authenticated with check ((select tocsin_internal.is_operator()));
create policy operators_change_queues on tocsin.queues
  for update to authenticated using ((select tocsin_internal.is_operator()))
  with check ((select tocsin_internal.is_operator()));

revoke all on tocsin.queues from public, anon, authenticated, service_role;
grant select, insert, update on tocsin.queues to authenticated, service_role;
revoke all on all functions in schema tocsin_internal from public;
revoke all on function tocsin.watch_queue(text, text, jsonb) from public, anon;
grant execute on function tocsin.watch_queue(text, text, jsonb) to authenticated, service_role;
grant execute on function tocsin_internal.refuse_all_but_operators()
  to authenticated, service_role;
