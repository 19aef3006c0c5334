-- Beats: when the heart beat, whether in time, and what its stages cost.
--
-- Small enough to keep: a row a minute about the beats, and one an hour about each stage. The heart
-- beats every five seconds; where pg_cron cannot (before 1.5), every minute. A beat is late when it
-- begins more than two intervals after the one before; then all that should have been since are.
--
-- SECURITY DEFINER functions: none.

create table tocsin_internal.beats (
  minute_at timestamptz primary key,
  on_time_count int not null default 0,
  late_count int not null default 0,
  longest_gap interval not null default '0',
  duration_ms double precision not null default 0,
  last_beat_at timestamptz not null
);

comment on table tocsin_internal.beats is
  'The beats of the heart by the minute in which they began. Written by note_beat(); kept 35 days.';
comment on column tocsin_internal.beats.minute_at is 'The minute.';
comment on column tocsin_internal.beats.on_time_count is 'How many came in time.';
comment on column tocsin_internal.beats.late_count is
  'How many should have come and did not, or came late, before one of this minute.';
comment on column tocsin_internal.beats.longest_gap is 'The longest wait for one of them.';
comment on column tocsin_internal.beats.duration_ms is 'How long their stages took in all.';
comment on column tocsin_internal.beats.last_beat_at is 'When the last of them began.';

create table tocsin_internal.stage_hours (
  stage text not null,
  hour_at timestamptz not null,
  run_count int not null,
  duration_ms_sum double precision not null,
  duration_ms_max double precision not null,
  handled_count bigint not null,
  primary key (stage, hour_at)
);

create index stage_hours_hour_at_idx on tocsin_internal.stage_hours (hour_at);

comment on table tocsin_internal.stage_hours is
  'What each stage of the heart cost, by the hour. Written by run_stage(); kept 35 days.';
comment on column tocsin_internal.stage_hours.stage is 'The stage.';
comment on column tocsin_internal.stage_hours.hour_at is 'The hour.';
comment on column tocsin_internal.stage_hours.run_count is 'How often it ran to its end.';
comment on column tocsin_internal.stage_hours.duration_ms_sum is 'How long that took in all.';
comment on column tocsin_internal.stage_hours.duration_ms_max is 'How long the longest took.';
comment on column tocsin_internal.stage_hours.handled_count is 'How many rows it handled.';

create function tocsin_internal.note_stage(
  p_stage text, p_now timestamptz, p_ms double precision, p_result bigint
) returns void
language sql set search_path = ''
as $$
  with last as (
    insert into tocsin_internal.stages (stage, last_run_at, last_duration_ms, last_result)
    values (p_stage, p_now, p_ms, p_result)
    on conflict (stage) do update set last_run_at = excluded.last_run_at,
      last_duration_ms = excluded.last_duration_ms, last_result = excluded.last_result
  )
  insert into tocsin_internal.stage_hours as h (stage, hour_at, run_count, duration_ms_sum,
    duration_ms_max, handled_count)
  values (p_stage, date_trunc('hour', p_now, 'UTC'), 1, p_ms, p_ms, coalesce(p_result, 0))
  on conflict (stage, hour_at) do update set run_count = h.run_count + 1,
    duration_ms_sum = h.duration_ms_sum + excluded.duration_ms_sum,
    duration_ms_max = greatest(h.duration_ms_max, excluded.duration_ms_max),
    handled_count = h.handled_count + excluded.handled_count
$$;

comment on function tocsin_internal.note_stage(text, timestamptz, double precision, bigint) is
  'Notes that a stage ran to its end, how long it took and what it handled.';

create function tocsin_internal.beat_interval() returns interval
language sql stable set search_path = ''
as $$
  select case when string_to_array(e.extversion, '.')::int[] < array[1, 5]
    then interval '1 minute' else interval '5 seconds' end
  from (select 1) as always
  left join pg_catalog.pg_extension e on e.extname = 'pg_cron'
$$;

comment on function tocsin_internal.beat_interval() is
  'How often the heart beats: every 5 seconds, or every minute before pg_cron 1.5.';

create function tocsin_internal.late_beats(p_last timestamptz, p_now timestamptz) returns int
language sql stable set search_path = ''
as $$
  select case when p_now - p_last > 2 * i
    then least(round(extract(epoch from p_now - p_last) / extract(epoch from i)), 1000000)::int
    else 0 end
  from tocsin_internal.beat_interval() as i
$$;

comment on function tocsin_internal.late_beats(timestamptz, timestamptz) is
  'How many beats were late or left out between two moments; 0: none.';

create function tocsin_internal.note_beat(p_now timestamptz default clock_timestamp())
returns bigint
language plpgsql set search_path = ''
as $$
declare
  v_last constant timestamptz := (
    select last_beat_at from tocsin_internal.beats order by minute_at desc limit 1);
  v_began timestamptz;
  v_late int;
begin
  -- the first stage says when this beat began; should it have failed, this one does
  select coalesce(max(last_run_at), p_now) into v_began from tocsin_internal.stages
  where stage = (tocsin_internal.stage_names())[1]
    and last_run_at > coalesce(v_last, '-infinity') and last_run_at <= p_now;
  if v_began <= v_last then
    return 0;
  end if;
  v_late := coalesce(tocsin_internal.late_beats(v_last, v_began), 0);
  insert into tocsin_internal.beats as b (minute_at, on_time_count, late_count, longest_gap,
    duration_ms, last_beat_at)
  select date_trunc('minute', v_began), (v_late = 0)::int, v_late,
    coalesce(v_began - v_last, interval '0'), coalesce(sum(s.last_duration_ms), 0), v_began
  from tocsin_internal.stages s where s.last_run_at >= v_began
  on conflict (minute_at) do update set on_time_count = b.on_time_count + excluded.on_time_count,
    late_count = b.late_count + excluded.late_count,
    longest_gap = greatest(b.longest_gap, excluded.longest_gap),
    duration_ms = b.duration_ms + excluded.duration_ms, last_beat_at = excluded.last_beat_at;
  return 1;
end
$$;

comment on function tocsin_internal.note_beat(timestamptz) is
  'Notes that the heart beat, and whether in time. The last stage of the heart.';

create function tocsin_internal.prune_beats(p_now timestamptz, p_limit int) returns bigint
language sql set search_path = ''
as $$
  with beats as (
    delete from tocsin_internal.beats where minute_at = any (array(
      select minute_at from tocsin_internal.beats where minute_at < p_now - interval '35 days'
      limit p_limit))
    returning 1
  ),
  hours as (
    delete from tocsin_internal.stage_hours where hour_at < p_now - interval '35 days'
    returning 1
  )
  select greatest((select count(*) from beats), (select count(*) from hours))
$$;

comment on function tocsin_internal.prune_beats(timestamptz, int) is
  'Drops what is known of beats and stages after 35 days. A step of maintain().';

alter table tocsin_internal.beats enable row level security;
alter table tocsin_internal.stage_hours enable row level security;

create policy nobody_reads_it_through_the_api on tocsin_internal.beats using (false);
create policy nobody_reads_it_through_the_api on tocsin_internal.stage_hours using (false);

revoke all on tocsin_internal.beats, tocsin_internal.stage_hours
  from public, anon, authenticated, service_role;
revoke all on all functions in schema tocsin_internal from public;
