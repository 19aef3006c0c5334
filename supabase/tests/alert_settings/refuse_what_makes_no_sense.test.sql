begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(8);

select throws_ok($$insert into tocsin.alert_settings (name) values (' ')$$, '23514', null,
  'No name.');
select throws_ok($$insert into tocsin.alert_settings (name, workflow_id) values ('x', 'w')$$,
  '23514', null, 'A workflow without its project.');
select throws_ok($$insert into tocsin.alert_settings (name, throttle_limit) values ('x', 0)$$,
  '23514', null, 'A throttle that lets nothing through.');
select throws_ok($$insert into tocsin.alert_settings (name, throttle_window)
  values ('x', '-1 second')$$, '23514', null, 'A window of less than nothing.');
select throws_ok($$insert into tocsin.alert_settings (name, throttle_window)
  values ('x', '8 days')$$, '23514', null, 'A window that nobody would wait for.');
select throws_ok($$insert into tocsin.alert_settings (name, kind) values ('x', 'nonsense')$$,
  '23503', null, 'A kind that there is not.');
select lives_ok($$insert into tocsin.alert_settings (name) values ('x')$$,
  'Anything else has a good default.');
select results_eq($$
  select kind, throttle_limit, throttle_window, is_enabled from tocsin.alert_settings
$$, $$values ('run_failed', 1, interval '5 minutes', true)$$,
  'Failed runs, one notification in five minutes, on.');

select * from finish();
rollback;
