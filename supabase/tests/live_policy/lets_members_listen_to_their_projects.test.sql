begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(6);

-- as Supabase has it
create schema realtime;
grant usage on schema realtime to authenticated;
create function realtime.topic() returns text language sql stable
  as $$select current_setting('realtime.topic', true)$$;
create table realtime.messages (topic text, extension text, payload jsonb);
alter table realtime.messages enable row level security;
grant select on realtime.messages to authenticated;
grant execute on function realtime.topic() to authenticated;
select tocsin_internal.ensure_live_policy();
select tocsin_internal.ensure_live_policy();
insert into realtime.messages values ('t', 'broadcast');
insert into tocsin.project_members values ('p', '00000000-0000-4000-8000-000000000001', 'viewer');
insert into tocsin.operators values ('00000000-0000-4000-8000-000000000002');

create function pg_temp.hears(p_user text, p_topic text) returns boolean language plpgsql as $$
declare
  v_hears boolean;
begin
  perform set_config('request.jwt.claims', format('{"sub": "00000000-0000-4000-8000-00000000000%s",
    "role": "authenticated"}', p_user), true);
  perform set_config('realtime.topic', p_topic, true);
  set local role authenticated;
  v_hears := exists (select from realtime.messages);
  reset role;
  return v_hears;
end
$$;

select ok(pg_temp.hears('1', 'tocsin:project:p'), 'A member hears of their project,');
select ok(not pg_temp.hears('1', 'tocsin:project:q'), 'and of no other,');
select ok(not pg_temp.hears('1', 'tocsin:operators'), 'nor what is for operators.');
select ok(not pg_temp.hears('3', 'tocsin:project:p'), 'A stranger hears nothing.');
select ok(pg_temp.hears('2', 'tocsin:project:q') and pg_temp.hears('2', 'tocsin:operators'),
  'An operator hears of all,');
select ok(not pg_temp.hears('2', 'chat:1'), 'but nothing of the host''s own topics.');

select * from finish();
rollback;
