begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(5);

create schema realtime;
create table realtime.sent (payload jsonb, event text, topic text, private boolean);
create function realtime.send(payload jsonb, event text, topic text, private boolean default true)
returns void language sql as 'insert into realtime.sent values (payload, event, topic, private)';

insert into tocsin.alerts (setting_id, setting_name, kind, project_id, workflow_id, severity, state,
  pending_since, fired_at, judged_at)
select gen_random_uuid(), 'Rate', 'failure_rate', project, 'w', 'high', 'firing', now(), now(),
  now()
from unnest(array['p', 'p', 'q']) as project;
select bag_eq('select event, topic from realtime.sent', $$values
  ('alerts', 'tocsin:project:p'), ('alerts', 'tocsin:project:q')$$,
  'Each project is told once of alerts that begin.');

delete from realtime.sent;
update tocsin.alerts set value = 12, judged_at = now();
select is_empty('select from realtime.sent', 'That they were judged again is no news.');
update tocsin.alerts set state = 'resolved', resolved_at = now() where project_id = 'q';
select results_eq('select event, topic from realtime.sent', $$values
  ('alerts', 'tocsin:project:q')$$, 'That one is over is told to its project.');

delete from realtime.sent;
update tocsin.alerts set value = 1 where false;
select is_empty('select from realtime.sent', 'A statement that changes nothing tells nobody.');

drop table realtime.sent;
select lives_ok($$update tocsin.alerts set state = 'acknowledged', acknowledged_at = now()
  where project_id = 'p'$$, 'When Realtime fails, alerts change all the same.');

select * from finish();
rollback;
