-- API requests: how many tocsin-api answered, how fast, and with what.
--
-- The function counts in its memory and tells the sums some seconds later, beside its answers: no
-- request waits for being counted, and what a function that was stopped had not told yet is lost.
--
-- SECURITY DEFINER functions, for service_role alone:
--   tocsin.note_api_requests(…)  writes the counts

create table tocsin_internal.api_requests (
  slot_at timestamptz not null,
  route text not null,
  status_class int not null,
  request_count bigint not null,
  duration_ms_sum double precision not null,
  bins smallint[] not null default '{}',
  bin_counts bigint[] not null default '{}',
  primary key (slot_at, route, status_class)
);

comment on table tocsin_internal.api_requests is
  'Requests to tocsin-api by five minutes, route and class of status. Written by '
  'note_api_requests(); kept 35 days.';
comment on column tocsin_internal.api_requests.slot_at is 'The five minutes.';
comment on column tocsin_internal.api_requests.route is
  'The route, as "GET /metrics"; "other": a path that there is not.';
comment on column tocsin_internal.api_requests.status_class is '2, 3, 4 or 5: of its statuses.';
comment on column tocsin_internal.api_requests.request_count is 'How many.';
comment on column tocsin_internal.api_requests.duration_ms_sum is 'How long they took in all.';
comment on column tocsin_internal.api_requests.bins is
  'The bins of duration_bin() in which requests are, of those whose duration was sampled.';
comment on column tocsin_internal.api_requests.bin_counts is 'How many are in each.';

create function tocsin_internal.add_bins(
  inout bins smallint[], inout bin_counts bigint[], p_durations double precision[]
)
language sql immutable set search_path = ''
as $$
  select coalesce(array_agg(b.bin order by b.bin), '{}'),
    coalesce(array_agg(b.n order by b.bin), '{}')
  from (
    select a.bin, sum(a.n)::bigint as n from (
      select * from unnest(bins, bin_counts) as h (bin, n)
      union all
      select tocsin_internal.duration_bin(d), 1 from unnest(p_durations) as d
    ) as a group by a.bin
  ) as b
$$;

comment on function tocsin_internal.add_bins(smallint[], bigint[], double precision[]) is
  'A histogram of durations with more of them.';

create function tocsin.note_api_requests(
  p_counts jsonb, p_now timestamptz default clock_timestamp()
) returns void
language plpgsql security definer set search_path = ''
as $$
declare
  v_one record;
begin
  -- in the order of keys, so that two functions never wait for each other in a circle
  for v_one in
    select c.route, c.status_class, c.count, c.ms, array(select d::double precision
      from jsonb_array_elements_text(coalesce(c.durations, '[]')) as d) as durations
    from jsonb_to_recordset(p_counts) as c (route text, status_class int, count bigint,
      ms double precision, durations jsonb)
    where c.status_class between 1 and 5 and c.count between 1 and 1000000000
      and length(c.route) <= 100
    order by 1, 2
    limit 200
  loop
    insert into tocsin_internal.api_requests as r (slot_at, route, status_class, request_count,
      duration_ms_sum, bins, bin_counts)
    select date_bin('5 minutes', p_now, '2000-01-01Z'), v_one.route, v_one.status_class,
      v_one.count, v_one.ms, a.bins, a.bin_counts
    from tocsin_internal.add_bins('{}', '{}', v_one.durations) as a
    on conflict (slot_at, route, status_class) do update
      set request_count = r.request_count + excluded.request_count,
        duration_ms_sum = r.duration_ms_sum + excluded.duration_ms_sum,
        (bins, bin_counts) = (select a.bins, a.bin_counts
          from tocsin_internal.add_bins(r.bins, r.bin_counts, v_one.durations) as a);
  end loop;
end
$$;

comment on function tocsin.note_api_requests(jsonb, timestamptz) is
  'Adds to the counts of requests: [{route, status_class, count, ms, durations}], where durations '
  'are some of the single ones in milliseconds. For service_role.';

create function tocsin_internal.prune_api_requests(p_now timestamptz, p_limit int) returns bigint
language sql set search_path = ''
as $$
  with gone as (
    delete from tocsin_internal.api_requests where (slot_at, route, status_class) in (
      select slot_at, route, status_class from tocsin_internal.api_requests
      where slot_at < p_now - interval '35 days' limit p_limit)
    returning 1
  )
  select count(*) from gone
$$;

comment on function tocsin_internal.prune_api_requests(timestamptz, int) is
  'Drops counts of API requests after 35 days. A step of maintain().';

alter table tocsin_internal.api_requests enable row level security;

create policy nobody_reads_it_through_the_api on tocsin_internal.api_requests using (false);

revoke all on tocsin_internal.api_requests from public, anon, authenticated, service_role;
revoke all on all functions in schema tocsin_internal from public;
revoke all on function tocsin.note_api_requests(jsonb, timestamptz)
  from public, anon, authenticated;
grant execute on function tocsin.note_api_requests(jsonb, timestamptz) to service_role;
