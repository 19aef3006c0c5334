begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(6);

insert into tocsin.project_members (project_id, user_id, role) values
  ('a', '00000000-0000-4000-8000-00000000000a', 'viewer'),
  ('a', '00000000-0000-4000-8000-00000000000e', 'editor'),
  ('a', '00000000-0000-4000-8000-0000000000ad', 'admin'),
  ('b', '00000000-0000-4000-8000-00000000000b', 'admin');
insert into tocsin.operators (user_id) values ('00000000-0000-4000-8000-0000000000ff');
create table runs (id int primary key, status text, project_id text);
select from tocsin.watch_runs('runs');
insert into tocsin.alert_channels (name, kind, recipients, project_id)
select 'mail', 'email', '{a@b.test}', project_id from unnest(array['a', 'b', null]) as project_id;
insert into tocsin.alert_settings (name, project_id)
select 'all', project_id from unnest(array['a', 'b', null]) as project_id;
insert into tocsin.alert_setting_channels
select setting_id, channel_id from tocsin.alert_settings s join tocsin.alert_channels c
  on c.project_id is not distinct from s.project_id;
insert into runs values (1, 'failed', 'a'), (2, 'failed', 'b'), (3, 'failed', null);
select from tocsin_internal.tick();
insert into tocsin.delivery_attempts (delivery_id, attempt, outcome, finished_at)
select delivery_id, 1, 'retry', now() from tocsin.deliveries;

create function pg_temp.sees(p_user text) returns text language plpgsql as $$
declare
  v_seen text;
begin
  perform set_config('request.jwt.claims', jsonb_build_object('role', 'authenticated',
    'sub', '00000000-0000-4000-8000-0000000000' || p_user)::text, true);
  set local role authenticated;
  select string_agg(seen, ' ' order by place) into v_seen from (values
    (1, (select string_agg(coalesce(nullif(project_id, ''), '-'), '' order by project_id)
         from tocsin.error_metrics)),
    (2, (select string_agg(coalesce(nullif(project_id, ''), '-'), '' order by project_id)
         from (select distinct project_id from tocsin.alert_logs) as l)),
    (3, (select string_agg(coalesce(nullif(project_id, ''), '-'), '' order by project_id)
         from (select distinct project_id from tocsin.notifications) as l)),
    (4, (select string_agg(coalesce(nullif(project_id, ''), '-'), '' order by project_id)
         from (select distinct project_id from tocsin.deliveries) as l)),
    (5, (select count(*)::text from tocsin.delivery_attempts)),
    (6, (select string_agg(coalesce(project_id, '-'), '' order by coalesce(project_id, ''))
         from tocsin.alert_settings)),
    (7, (select string_agg(coalesce(project_id, '-'), '' order by coalesce(project_id, ''))
         from tocsin.alert_channels)),
    (8, (select count(*)::text from tocsin.alert_setting_channels)),
    (9, (select count(*)::text from tocsin.project_members)),
    (10, (select count(*)::text from tocsin.operators)),
    (11, (select count(*)::text from tocsin.run_sources)),
    (12, (select sign(count(*))::text from tocsin.alert_kinds))
  ) as t (place, seen);
  reset role;
  return v_seen;
end
$$;

-- errors, decisions, notifications, deliveries, their attempts; settings, channels, what is
-- attached; members, operators, sources, kinds. Nothing seen is left out; - is no project.
select is(pg_temp.sees('00'), '0 0 0 0 0 1', 'A stranger sees the kinds of alert.');
select is(pg_temp.sees('0a'), 'a a a a 2 a 1 1 0 0 1', 'A viewer sees what is in the project.');
select is(pg_temp.sees('0e'), 'a a a a 2 a a 1 1 0 0 1', 'An editor its channels as well.');
select is(pg_temp.sees('ad'), 'a a a a 2 a a 1 3 0 0 1', 'An admin all its members as well.');
select is(pg_temp.sees('0b'), 'b b b b 2 b b 1 1 0 0 1', 'Somebody of another project sees that.');
select is(pg_temp.sees('ff'), '-ab -ab -ab -ab 5 -ab -ab 3 4 1 1 1', 'An operator sees all.');

select * from finish();
rollback;
