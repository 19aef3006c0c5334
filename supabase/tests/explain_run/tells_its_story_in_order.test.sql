begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(8);

create table runs (id int primary key, status text, project_id text, workflow_id text, error text,
  failed_step text, finished_at timestamptz);
select from tocsin.watch_runs('runs');
insert into tocsin.alert_channels (name, kind, recipients, project_id)
values ('mail', 'email', '{a@b.test}', 'p');
insert into tocsin.alert_settings (name, project_id) values ('ours', 'p');
insert into tocsin.alert_setting_channels (setting_id, channel_id)
select setting_id, channel_id from tocsin.alert_settings, tocsin.alert_channels;
insert into tocsin.quiet_periods (name, project_id, starts_at, ends_at)
values ('night', 'p', '22:00', '06:00');
insert into runs values (1, 'failed', 'p', 'sync', 'no route to host', 'http', '2026-03-04 09:59Z'),
  (2, 'failed', 'p', 'sync', 'no route to host', 'http', '2026-03-04 09:59:30Z');
select is((select string_agg(step, ' ') from tocsin.explain_run('1')), 'captured',
  'What was committed is known at once.');
select from tocsin_internal.tick('2026-03-04 10:00Z');
select from tocsin_internal.tick('2026-03-04 10:01Z');
select results_eq($$select step, story, setting_name, channel_name from tocsin.explain_run('1')$$,
  $$
  values ('captured', 'The run failed at http: no route to host', null, null),
    ('stored', 'Stored as network error of high severity.', null, null),
    ('grouped', 'Counted in the error group "no route to host", which began with it.', null, null),
    ('matched', 'Notified: number 1 of the 1 that the setting allows in 5 minutes.', 'ours', null),
    ('told', 'Told: sync failed at http: no route to host', 'ours', null),
    ('waiting', 'The delivery to "mail" is due at 2026-03-04 10:00:00 UTC.', 'ours', 'mail')
$$, 'Captured, stored, grouped, matched, told; and what it waits for.');
insert into tocsin.delivery_attempts (delivery_id, attempt, outcome, finished_at, http_status,
  error)
select delivery_id, 1, 'retry', timestamptz '2026-03-04 10:00:05Z', 500, 'internal server error'
from tocsin.deliveries
union all
select delivery_id, 2, 'delivered', timestamptz '2026-03-04 10:00:20Z', 200,
  null from tocsin.deliveries;
update tocsin.deliveries set state = 'delivered' where true;
select results_eq($$select at, step, story from tocsin.explain_run('1') offset 5$$, $$
  values ('2026-03-04 10:00:05Z'::timestamptz, 'sent',
      'Attempt 1 to "mail" (email) failed, answered 500: internal server error.'),
    ('2026-03-04 10:00:20Z', 'sent', 'Attempt 2 to "mail" (email): delivered, answered 200.')
$$, 'Sent there, answered that.');
select results_eq($$select step, story from tocsin.explain_run('2') offset 2$$, $$
  values ('grouped', 'Counted in the error group "no route to host", seen 2 times so far.'),
    ('matched', 'Held back: the setting allows 1 in 5 minutes. Told in a summary at 2026-03-04 '
      '10:05:00 UTC, or after a quiet period that holds then.'),
    ('waiting', 'Not told yet: that happens at the end of its window.')
$$, 'What was held back says until when.');
select from tocsin_internal.tick('2026-03-04 10:05Z');
select is((select story from tocsin.explain_run('2') where step = 'told'),
  'Told in a summary: sync failed at http: no route to host', 'Then it was told.');
insert into runs values (3, 'failed', 'p', 'sync', 'x', null, '2026-03-04 22:59Z'),
  (4, 'failed', 'q', 'sync', 'x', null, '2026-03-04 22:59Z');
select from tocsin_internal.tick('2026-03-04 23:00Z');
select results_eq($$select step, story from tocsin.explain_run('3') offset 3$$, $$
  values ('matched', 'Deferred by the quiet period "night": told in a digest at 2026-03-05 '
    '06:00:00 '
      'UTC.'), ('waiting', 'Not told yet: that happens at the end of the quiet period.')
$$, 'So with a quiet period.');
select is((select story from tocsin.explain_run('4', 'runs') where step = 'unmatched'),
  'No setting that is on wants failed runs of this workflow.', 'Whom nobody wanted, it says so.');
select is((select string_agg(step, ' ') from tocsin.explain_run('1', 'another')), 'unknown',
  'Of what is not known, that.');

select * from finish();
rollback;
