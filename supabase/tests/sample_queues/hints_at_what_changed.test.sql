begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(4);

create table hints (topic text, event text, is_private boolean);
create schema if not exists realtime;
create or replace function realtime.send(payload jsonb, event text, topic text,
  private boolean default true) returns void language sql as
  $$ insert into public.hints values (topic, event, private) $$;
create function pg_temp.hinted() returns setof text language sql as $$
  with told as (delete from hints returning topic, event, is_private)
  select topic || ' ' || event || ' ' || is_private from told order by 1$$;

select from pgmq."create"('a1');
select from pgmq."create"('a2');
select from pgmq."create"('b1');
select from tocsin.watch_queue('a1', p_options => '{"project_id": "a"}');
select from tocsin.watch_queue('a2', p_options => '{"project_id": "a"}');
select from tocsin.watch_queue('b1', p_options => '{"project_id": "b"}');
select tocsin_internal.sample_queues(clock_timestamp());
select results_eq('select * from pg_temp.hinted()', $$values ('tocsin:operators queues true'),
  ('tocsin:project:a queues true'), ('tocsin:project:b queues true')$$,
  'One hint a project on its private topic, whatever the number of its queues.');
-- how many dead letters there are is known when their queues have been looked at
select tocsin_internal.sample_queues(clock_timestamp() + interval '10 seconds');
delete from hints;
select tocsin_internal.sample_queues(clock_timestamp() + interval '20 seconds');
select is_empty('select * from pg_temp.hinted()', 'Where nothing changed there is none.');
select from pgmq.send('a1', '1');
select from pgmq.send('a2', '1');
select tocsin_internal.sample_queues(clock_timestamp() + interval '30 seconds');
select results_eq('select * from pg_temp.hinted()', array['tocsin:project:a queues true'],
  'A message is hinted at.');
drop function realtime.send(jsonb, text, text, boolean);
select from pgmq.send('a1', '2');
select is(tocsin_internal.sample_queues(clock_timestamp() + interval '40 seconds'), 7::bigint,
  'Without Realtime they are looked at all the same.');

select * from finish();
rollback;
