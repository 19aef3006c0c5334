begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(5);

insert into tocsin.alert_channels (name, kind, recipients) values ('mail', 'email', '{a@b.test}');
insert into tocsin.alert_channels (name, kind, recipients, project_id)
values ('of p', 'email', '{a@b.test}', 'p');
insert into tocsin.alert_settings (name, project_id) values ('one', 'p'), ('two', 'p'), ('all',
  null);
insert into tocsin.alert_setting_channels (setting_id, channel_id)
select setting_id, channel_id from tocsin.alert_settings s join tocsin.alert_channels c
  on c.project_id is not distinct from s.project_id;
create function pg_temp.fail(p_now timestamptz, p_workflow text default 'w',
  p_severity tocsin.severity default 'high', p_count int default 1) returns void
language plpgsql as $$
declare
  v_ids uuid[];
begin
  with new as (
    insert into tocsin.error_metrics (error_id, timestamp, source, error_type, severity, project_id,
      workflow_id, run_id, message, ingested_at)
    select gen_random_uuid(), p_now, 'worker', 'execution', p_severity, 'p', p_workflow, n::text,
      'boom', p_now
    from generate_series(1, p_count) as n
    returning error_id
  )
  select array_agg(error_id) into v_ids from new;
  perform tocsin_internal.admit_errors(v_ids, p_now);
end
$$;
insert into tocsin.quiet_periods (name, project_id, setting_id, starts_at, ends_at, action)
select 'lunch', 'p', setting_id, '12:00', '13:00', 'drop' from tocsin.alert_settings
where name = 'one';
select pg_temp.fail('2026-03-04 12:30Z');
select results_eq($$select setting_name, decision::text,
  reason from tocsin.alert_logs order by 1$$, $$
  values ('all', 'notified', 'Notified: number 1 of the 1 that the setting allows in 5 minutes.'),
    ('one', 'dropped', 'Dropped by the quiet period "lunch" until 2026-03-04 13:00:00 UTC.'),
    ('two', 'notified', 'Notified: number 1 of the 1 that the setting allows in 5 minutes.')
$$, 'A period for one setting drops what that one would tell, and nobody else''s.');
select throws_ok($$insert into tocsin.quiet_periods (name, time_zone) values ('x', 'CEST')$$,
  'TC018', 'There is no time zone "CEST"', 'A zone is an IANA name,');
select throws_ok($$insert into tocsin.quiet_periods (name, days) values ('x', '{0}')$$, '23514',
  null,
  'days are those of the week,');
select throws_ok($$
  insert into tocsin.quiet_periods (name, project_id, setting_id)
  select 'x', 'q', setting_id from tocsin.alert_settings where name = 'one'
$$, 'TC012', null, 'the setting is of the same project,');
select throws_ok($$update tocsin.quiet_periods set project_id = 'q' where true$$, 'TC012', null,
  'and it stays there.');

select * from finish();
rollback;
