begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(13);

insert into tocsin.project_members (project_id, user_id, role) values
  ('a', '00000000-0000-4000-8000-00000000000a', 'viewer'),
  ('a', '00000000-0000-4000-8000-00000000000e', 'editor'),
  ('a', '00000000-0000-4000-8000-0000000000ad', 'admin'),
  ('b', '00000000-0000-4000-8000-00000000000b', 'admin');
insert into tocsin.operators (user_id) values ('00000000-0000-4000-8000-0000000000ff');
select from pgmq."create"('qa');
select from pgmq."create"('qb');
select from pgmq."create"('qa_dead');
select from pgmq."create"('bare');
select from tocsin.watch_queue('qa', p_options =>
  '{"project_id": "a", "dead_letter_queue": "qa_dead"}');
select from tocsin.watch_queue('qb', p_options => '{"project_id": "b"}');
select from pgmq.send('qa_dead', '{"secret": "of a"}');
select from tocsin_internal.sample_queues(clock_timestamp() - interval '2 hours');
select from tocsin_internal.sum_queues(clock_timestamp(), 1);
select from tocsin.drop_dead_letters('qa', array[0]);
insert into tocsin.dead_letter_actions (action, kind, queue_name, dead_letter_queue, msg_id,
  made_at) values ('dropped', 'pgmq', 'qa', 'qa_dead', 7, now());

create function pg_temp.be(p_role text, p_user text default null) returns void language sql as $$
  select set_config('request.jwt.claims', jsonb_strip_nulls(jsonb_build_object('role', p_role,
      'sub', '00000000-0000-4000-8000-0000000000' || p_user))::text, true),
    set_config('role', p_role, true)$$;
-- queues, health, samples, hours, history, what was done with dead letters
create function pg_temp.sees(p_role text, p_user text default null) returns text
language plpgsql as $$
declare
  v_seen text;
begin
  perform pg_temp.be(p_role, p_user);
  select concat_ws(' ',
    (select count(*) from tocsin.queues), (select count(*) from tocsin.queue_health),
    (select count(*) from tocsin.queue_metrics), (select count(*) from tocsin.queue_hours),
    (select count(*) from tocsin.queue_metrics_history(now() - interval '3 hours', now())),
    (select count(*) from tocsin.dead_letter_actions)) into v_seen;
  reset role;
  return v_seen;
exception when insufficient_privilege then
  return 'denied';
end
$$;
create function pg_temp.tries(p_sql text, p_role text, p_user text default null) returns text
language plpgsql as $$
declare
  v_count text;
begin
  perform pg_temp.be(p_role, p_user);
  execute p_sql into v_count;
  reset role;
  return 'may: ' || coalesce(v_count, '-');
exception when others then
  return sqlstate;
end
$$;

select is(pg_temp.sees('anon'), 'denied', 'The anonymous see nothing.');
select is(pg_temp.sees('authenticated', '00'), '0 0 0 0 0 0', 'Nor does a stranger.');
select is(pg_temp.sees('authenticated', '0a'), '1 1 1 1 1 0',
  'A viewer sees the queue of the project, with its samples.');
select is(pg_temp.sees('authenticated', '0e'), '1 1 1 1 1 0', 'So does an editor,');
select is(pg_temp.sees('authenticated', 'ad'), '1 1 1 1 1 0', 'an admin,');
select is(pg_temp.sees('authenticated', '0b'), '1 1 1 1 1 0', 'and one of the other project.');
select is(pg_temp.sees('authenticated', 'ff'), '8 8 8 8 8 1',
  'Operators see all, and alone what has no project.');
select is(pg_temp.sees('service_role'), '8 8 8 8 8 1', 'The service is held by no policy.');

create temp table attempt (place serial, sql text);
insert into attempt (sql) values
  ($$select count(*) from tocsin.list_dead_letters('qa')$$),
  ($$select tocsin.inspect_dead_letter('qa', 1) ->> 'msg_id'$$),
  ($$select (tocsin.watch_queue('qa', p_options => '{"interval": "20 seconds"}')).queue_name$$),
  ($$with changed as (update tocsin.queues set is_ignored = false where queue_name = 'qa'
    returning 1) select count(*) from changed$$),
  ($$select tocsin.drop_dead_letters('qa', array[99])$$),
  ($$select tocsin.replay_dead_letters('qa', array[1])$$);
create function pg_temp.all_of(p_role text, p_user text default null) returns text language sql as
$$ select string_agg(pg_temp.tries(sql, p_role, p_user), ', ' order by place) from attempt $$;

select is(pg_temp.all_of('anon'), '42501, 42501, 42501, 42501, 42501, 42501',
  'The anonymous can do nothing with them.');
select is(pg_temp.all_of('authenticated', '00'), 'TC094, TC094, TC094, may: 0, TC094, TC094',
  'A stranger neither:');
select is(pg_temp.all_of('authenticated', 'ad'), 'TC094, TC094, TC094, may: 0, TC094, TC094',
  'even an admin of the project neither reads nor replays its dead letters.');
select is(pg_temp.all_of('authenticated', 'ff'),
  'may: 1, may: 1, may: qa, may: 1, may: 0, may: 1', 'An operator does.');
select is((select made_by from tocsin.dead_letter_actions where action = 'replayed'),
  '00000000-0000-4000-8000-0000000000ff'::uuid, 'It is kept who it was.');

select * from finish();
rollback;
