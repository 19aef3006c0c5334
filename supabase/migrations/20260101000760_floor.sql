-- The floor: where the pending outcomes begin.
--
-- roll_up() deletes what it takes. While a snapshot from before that is held anywhere in the
-- database (pg_dump, a long report), vacuum can remove none of it, and whoever looks for the first
-- pending outcome steps over all of it. So a row says below which outcome_id there is nothing, and
-- scans begin there.
--
-- The floor may rise to C when whoever drew an id below C has ended, and a snapshot taken after
-- that sees no row below C. raise_floor() looks three times, in this order:
--   1. at the sequence: ids that are drawn later are larger than the last one, L. C is L + 1;
--   2. at pg_locks: who may have drawn one so far and not ended. An INSERT locks its table before
--      it draws. Its transaction keeps the lock, or has rolled its row back; and it shows what it
--      wrote before it lets go. Those who begin later do not matter;
--   3. at the rows, in a snapshot of its own: what is still there below C.
-- Who reads the floor in the same snapshot as the rows, sees either this or the floor before. It
-- is a row under MVCC for that: a reader with an old snapshot, and a standby, see an old floor.
--
-- SECURITY DEFINER functions: none.

create table tocsin_internal.outcome_floor (
  is_the_only_row boolean primary key default true,
  floor bigint not null default 0,
  candidate bigint,
  waits_for text[],
  checked_at timestamptz not null default clock_timestamp(),
  constraint there_is_one_row check (is_the_only_row)
);

comment on table tocsin_internal.outcome_floor is
  'Below which outcome_id nothing is pending, so that nobody steps over rows that are gone and '
  'that a long snapshot keeps. Written by raise_floor(). Read it in one statement with '
  'run_outcomes.';
comment on column tocsin_internal.outcome_floor.is_the_only_row is 'Always true.';
comment on column tocsin_internal.outcome_floor.floor is
  'No outcome with a smaller id is there, and none will come.';
comment on column tocsin_internal.outcome_floor.candidate is
  'The next floor, once the transactions in waits_for have ended; null: none.';
comment on column tocsin_internal.outcome_floor.waits_for is
  'The virtual transactions that may have drawn an id below the candidate.';
comment on column tocsin_internal.outcome_floor.checked_at is
  'When all below the floor was last looked through, as happens each hour.';

insert into tocsin_internal.outcome_floor default values;

create function tocsin_internal.lower_floor(p_now timestamptz) returns void
language plpgsql set search_path = ''
as $$
declare
  v_first bigint;
begin
  select min(o.outcome_id) into v_first
  from tocsin_internal.run_outcomes o, tocsin_internal.outcome_floor f
  where o.outcome_id < f.floor;

  if v_first is not null then
    perform tocsin_internal.record_fault('roll_up', '01000', 'Outcomes appeared below the floor',
      format('The first is %s. Were rows copied in, or was the sequence set?', v_first), p_now);
  end if;
  update tocsin_internal.outcome_floor
  set floor = least(floor, v_first), checked_at = p_now,
    candidate = case when v_first is null then candidate end,
    waits_for = case when v_first is null then waits_for end;
end
$$;

comment on function tocsin_internal.lower_floor(timestamptz) is
  'Looks through what should be empty, and lowers the floor to what it finds there, with a row in '
  'stage_faults. Only a change of the table or of its sequence by hand can have put it there.';

create function tocsin_internal.raise_floor(p_now timestamptz default clock_timestamp())
returns void
language plpgsql set search_path = '' set jit = off
as $$
declare
  v_step constant int := 10000;
  v_sequence constant regclass :=
    pg_catalog.pg_get_serial_sequence('tocsin_internal.run_outcomes', 'outcome_id');
  v_now tocsin_internal.outcome_floor;
  v_drawn bigint;
  v_writers text[];
  v_first bigint;
begin
  -- Each look needs a snapshot of its own. And a session that keeps ids in stock may use one of
  -- them in any later transaction.
  if current_setting('transaction_isolation') <> 'read committed'
    or not exists (select from pg_catalog.pg_sequence
      where seqrelid = v_sequence and seqcache = 1 and seqincrement > 0)
  then
    return;
  end if;
  if not pg_try_advisory_xact_lock(hashtext('tocsin'), hashtext('raise_floor')) then
    return;
  end if;
  select * into v_now from tocsin_internal.outcome_floor;
  if not found then
    return;
  end if;

  -- 1. what has been drawn
  v_drawn := coalesce(pg_catalog.pg_sequence_last_value(v_sequence), 0);
  if v_drawn < v_now.floor - 1 then
    -- somebody set the sequence back
    update tocsin_internal.outcome_floor set floor = 0, candidate = null, waits_for = null;
    return;
  end if;
  if p_now >= v_now.checked_at + interval '1 hour' then
    perform tocsin_internal.lower_floor(p_now);
    return;
  end if;
  if v_now.candidate is null and v_drawn - v_now.floor < v_step then
    return;
  end if;

  -- 2. who may have drawn it; a transaction that is prepared changes its name, so any of these
  v_writers := array(
    select l.virtualtransaction from pg_catalog.pg_locks l
    where l.locktype = 'relation' and l.relation = 'tocsin_internal.run_outcomes'::regclass
      and l.database = (select oid from pg_catalog.pg_database where datname = current_database())
      and l.mode = 'RowExclusiveLock' and l.granted
      and l.pid is distinct from pg_backend_pid()
      and (v_now.candidate is null or l.virtualtransaction = any (v_now.waits_for)
        or l.pid is null));
  if v_writers <> '{}' then
    if v_now.candidate is null then
      update tocsin_internal.outcome_floor set candidate = v_drawn + 1, waits_for = v_writers;
    end if;
    return;
  end if;

  -- 3. what is still there; in steps, so that the floor itself leaves few rows behind
  select min(outcome_id) into v_first from tocsin_internal.run_outcomes
  where outcome_id >= v_now.floor;
  v_first := least(v_first, coalesce(v_now.candidate, v_drawn + 1));
  if v_first >= v_now.floor + v_step then
    update tocsin_internal.outcome_floor
    set floor = v_first, candidate = null, waits_for = null;
  end if;
end
$$;

comment on function tocsin_internal.raise_floor(timestamptz) is
  'Raises the floor of run_outcomes over what is gone for good, in steps of 10,000 ids. Called by '
  'roll_up(). Does nothing in a transaction that keeps its snapshot.';

alter table tocsin_internal.outcome_floor enable row level security;
-- a number that says nothing of anybody; readers of what is pending begin at it
create policy everybody_reads_the_floor on tocsin_internal.outcome_floor
  for select to authenticated using (true);
revoke all on tocsin_internal.outcome_floor from public, anon, authenticated, service_role;
grant select on tocsin_internal.outcome_floor to authenticated, service_role;
revoke all on all functions in schema tocsin_internal from public;
