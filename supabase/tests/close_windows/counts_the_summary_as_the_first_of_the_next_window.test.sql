begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(1);

create table runs (id int primary key, status text);
select from tocsin.watch_runs('runs');
insert into tocsin.alert_channels (name, kind, recipients) values ('mail', 'email', '{a@b.test}');
insert into tocsin.alert_settings (name) values ('all');
insert into tocsin.alert_setting_channels
select setting_id, channel_id from tocsin.alert_settings, tocsin.alert_channels;
create function pg_temp.storm(p_minute int) returns void language plpgsql as $$
begin
  insert into runs values (p_minute, 'failed');
  perform tocsin_internal.tick('2026-03-04 10:00Z'::timestamptz + make_interval(mins => p_minute));
end
$$;
select pg_temp.storm(minute) from generate_series(0, 29) as minute;

select results_eq($$
  select extract(minute from decided_at)::int, purpose, (content #>> '{held_back,count}')::int
  from tocsin.notifications order by decided_at
$$, $$
  values (0, 'first', null), (5, 'summary', 4), (10, 'summary', 5), (15, 'summary', 5),
    (20, 'summary', 5), (25, 'summary', 5)
$$, 'A storm that goes on is told once a window, and every failure in some summary.');

select * from finish();
rollback;
