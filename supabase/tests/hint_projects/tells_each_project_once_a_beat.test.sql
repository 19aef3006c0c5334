begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(5);

create table runs (id int primary key, project_id text, status text);
select from tocsin.watch_runs('runs');
insert into runs values (1, 'p', 'failed');
select is(tocsin_internal.run_stage('roll_up'), 1::bigint, 'Without Realtime nothing is missed.');

create schema realtime;
create table realtime.sent (payload jsonb, event text, topic text, private boolean);
create function realtime.send(payload jsonb, event text, topic text, private boolean default true)
returns void language sql as 'insert into realtime.sent values (payload, event, topic, private)';
insert into runs select n, case when n % 2 = 0 then 'p' when n % 3 = 0 then 'q' end, 'succeeded'
from generate_series(2, 100) as n;
select from tocsin_internal.roll_up('2026-03-04 10:00Z');
select bag_eq('select event, topic, private from realtime.sent', $$values
  ('runs', 'tocsin:project:p', true), ('runs', 'tocsin:project:q', true),
  ('runs', 'tocsin:operators', true)$$, 'Each project is told once, on a topic of its own,');
select results_eq($$select payload from realtime.sent where topic = 'tocsin:project:p'$$,
  $$values ('{"at": "2026-03-04T10:00:00+00:00", "project_id": "p"}'::jsonb)$$,
  'and that is all it is told.');
select from tocsin_internal.roll_up();
select results_eq('select count(*)::int from realtime.sent', 'values (3)',
  'A beat without outcomes tells nobody.');

drop table realtime.sent;
insert into runs values (101, 'p', 'failed');
select is(tocsin_internal.run_stage('roll_up'), 1::bigint,
  'When Realtime fails, the outcomes count all the same.');

select * from finish();
rollback;
