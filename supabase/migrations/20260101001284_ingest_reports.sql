-- Ingesting reports: what was reported, from its queue into tocsin.error_metrics.
--
-- As with failures of runs, a batch is stored and decided in one guard, and one that fails is
-- redone in halves, down to the report that is bad: that one is tried five times, at growing
-- distances, and then lies in tocsin_failures_dlq with its error.
--
-- SECURITY DEFINER functions: none.

create function tocsin_internal.ingest_some_reports(
  p_reports tocsin_internal.reported_errors[], p_now timestamptz
) returns void
language plpgsql set search_path = ''
as $$
declare
  v_count constant int := cardinality(p_reports);
  v_report tocsin_internal.reported_errors;
begin
  if v_count = 0 then
    return;
  end if;
  begin
    perform tocsin_internal.admit_errors(
      tocsin_internal.store_errors(tocsin_internal.look_up_events(p_reports), p_now), p_now);
    delete from tocsin_internal.reported_errors q using unnest(p_reports) as r
    where q.report_id = r.report_id;
    return;
  exception when lock_not_available then
    -- the host is changing an events table: all of them wait, for their text
    perform tocsin_internal.record_fault('ingest_reports', sqlstate, sqlerrm,
      format('%s reports wait', v_count));
    update tocsin_internal.reported_errors q set due_at = p_now + interval '5 seconds'
    from unnest(p_reports) as r where q.report_id = r.report_id;
    return;
  when others then
    if v_count = 1 then
      v_report := p_reports[1];
      perform tocsin_internal.record_fault('ingest_reports', sqlstate, sqlerrm,
        format('report %s of reported_errors, attempt %s', v_report.report_id,
          v_report.attempts + 1));
      if v_report.attempts >= 4 then
        perform pgmq.send('tocsin_failures_dlq', to_jsonb(v_report)
          || jsonb_build_object('dead_letter_error', left(sqlerrm, 2000)));
        delete from tocsin_internal.reported_errors where report_id = v_report.report_id;
        perform tocsin_internal.decide_unstored(to_jsonb(v_report), sqlerrm, p_now);
      else
        update tocsin_internal.reported_errors
        set attempts = attempts + 1, due_at = p_now + make_interval(secs => 2 ^ (attempts + 1))
        where report_id = v_report.report_id;
      end if;
      return;
    end if;
  end;
  perform tocsin_internal.ingest_some_reports(p_reports[: v_count / 2], p_now);
  perform tocsin_internal.ingest_some_reports(p_reports[v_count / 2 + 1 :], p_now);
end
$$;

comment on function tocsin_internal.ingest_some_reports(tocsin_internal.reported_errors[],
  timestamptz) is
  'Stores and decides the reports at once or, when that fails, in halves; a bad one is put off or '
  'buried.';

create function tocsin_internal.ingest_reports(p_now timestamptz default clock_timestamp())
returns bigint
language plpgsql set search_path = '' set jit = off
as $$
declare
  v_until constant timestamptz := clock_timestamp() + interval '2 seconds';
  v_reports tocsin_internal.reported_errors[];
  v_total bigint := 0;
begin
  loop
    select array_agg(r order by r.report_id) into v_reports from (
      select * from tocsin_internal.reported_errors
      where due_at is null or due_at <= p_now order by report_id limit 1000
    ) as r;
    exit when v_reports is null;
    perform tocsin_internal.ingest_some_reports(v_reports, p_now);
    v_total := v_total + cardinality(v_reports);
    exit when clock_timestamp() > v_until;
  end loop;
  return v_total;
end
$$;

comment on function tocsin_internal.ingest_reports(timestamptz) is
  'Stores what was reported, for up to two seconds. A stage of the heart.';

revoke all on all functions in schema tocsin_internal from public;
