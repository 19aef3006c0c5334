begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(3);

create table runs (id int primary key, status text, finished_at timestamptz);
select from tocsin.watch_runs('runs');
insert into tocsin.alert_channels (name, kind, recipients) values ('mail', 'email', '{a@b.test}');
insert into tocsin.alert_settings (name, throttle_limit, throttle_window)
values ('all', 3, '1 hour');
insert into tocsin.alert_setting_channels
select setting_id, channel_id from tocsin.alert_settings, tocsin.alert_channels;
insert into runs values (1, 'failed', '2026-03-04 09:00Z'), (2, 'failed', '2026-03-04 08:00Z');
select from tocsin_internal.tick('2026-03-04 10:00Z');
insert into runs select n, 'failed', '2026-03-04 10:00Z'::timestamptz + make_interval(mins => n)
from generate_series(3, 6) as n;
select from tocsin_internal.tick('2026-03-04 10:30Z');

select results_eq($$select run_id, decision::text from tocsin.alert_logs order by log_id$$, $$
  values ('2', 'notified'), ('1', 'notified'), ('3', 'notified'), ('4', 'throttled'),
    ('5', 'throttled'), ('6', 'throttled')
$$, 'The first three of an hour are told, in the order in which they failed, whatever the batch.');
select is((select reason from tocsin.alert_logs where run_id = '3'),
  'Notified: number 3 of the 3 that the setting allows in 1 hour.', 'The log counts them.');
select results_eq($$select notified_count, held_count from tocsin_internal.throttle_windows$$,
  $$values (3, 3)$$, 'So does the window.');

select * from finish();
rollback;
