begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(6);

create table runs (id int primary key, status text, error text, node text,
  finished_at timestamptz);
select from tocsin.watch_runs('runs', p_options => '{"run_url_template": "https://x/{{run_id}}"}');
insert into tocsin.alert_channels (name, kind, recipients) values ('mail', 'email', '{a@b.test}');
insert into tocsin.alert_settings (name) values ('all');
insert into tocsin.alert_setting_channels
select setting_id, channel_id from tocsin.alert_settings, tocsin.alert_channels;
insert into runs select n, 'failed', 'error ' || n, 'node ' || n,
  '2026-03-04 09:00Z'::timestamptz + make_interval(mins => n) from generate_series(1, 13) as n;
select from tocsin_internal.tick('2026-03-04 10:00Z');
select from tocsin_internal.tick('2026-03-04 10:05:05Z');
create temp table told as
select content, content -> 'held_back' as held from tocsin.notifications where purpose = 'summary';

select is((select held - 'runs' from told), '{"count": 12,
  "since": "2026-03-04T10:00:00+00:00", "until": "2026-03-04T10:05:05+00:00"}',
  'A summary says how many it tells of, and from when to when.');
select is((select jsonb_path_query_array(held, '$.runs[*].run_id') from told),
  '["13", "12", "11", "10", "9", "8", "7", "6", "5", "4"]', 'It names the ten newest.');
select is((select held #> '{runs,0}' from told), '{"run_id": "13", "node": "node 13",
  "message": "error 13", "occurred_at": "2026-03-04T09:13:00+00:00", "run_url": "https://x/13"}',
  'Each with its node, its error and a link.');
select is((select content #>> '{event,run_id}' from told), '13', 'The newest stands for them all.');
select is((select content ->> 'purpose' from told), 'summary', 'It says that it is a summary.');
select matches((select content ->> 'title' from tocsin.notifications where purpose = 'summary'),
  '^12 more failures of .* in 305 seconds$', 'Its title says how many more.');

select * from finish();
rollback;
