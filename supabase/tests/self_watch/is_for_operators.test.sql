begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(11);

insert into tocsin.operators (user_id) values ('00000000-0000-4000-8000-0000000000ff');
insert into tocsin.project_members (project_id, user_id, role) values
  ('a', '00000000-0000-4000-8000-0000000000ad', 'admin');
insert into tocsin.alert_channels (channel_id, name, kind, recipients, project_id) values
  ('00000000-0000-4000-8000-0000000000c1', 'ours', 'email', '{a@b.test}', null),
  ('00000000-0000-4000-8000-0000000000c2', 'of a', 'email', '{b@b.test}', 'a');
select tocsin_internal.watch_itself('2099-01-01Z');

select throws_ok($$update tocsin.self_watch
  set channel_id = '00000000-0000-4000-8000-0000000000c2' where true$$, 'TC089',
  'The channel "of a" belongs to a project', 'Its channels are the operators'' own,');
select throws_ok($$update tocsin.self_watch
  set channel_id = '00000000-0000-4000-8000-0000000000c1',
    fallback_channel_id = '00000000-0000-4000-8000-0000000000c1' where true$$, '23514', null,
  'and two.');
select throws_ok($$update tocsin.self_watch set heartbeat_url = 'ftp://x' where true$$, '23514',
  null, 'What is pinged is an address.');
select throws_ok($$insert into tocsin.self_watch (is_the_only_row) values (false)$$, '23514', null,
  'There is one row.');

select set_config('request.jwt.claims', '{"role": "authenticated",
  "sub": "00000000-0000-4000-8000-0000000000ff"}', true);
set local role authenticated;
update tocsin.self_watch set channel_id = '00000000-0000-4000-8000-0000000000c1',
  heartbeat_url = 'https://hc.example/secret' where true;
select results_eq($$select heartbeat_url from tocsin.self_watch$$,
  $$values ('https://hc.example/secret')$$, 'An operator sets it,');
select isnt_empty($$select from tocsin.troubles$$, 'and sees what is wrong.');
select set_config('request.jwt.claims', '{"role": "authenticated",
  "sub": "00000000-0000-4000-8000-0000000000ad"}', true);
select is_empty('select from tocsin.self_watch', 'An admin of a project sees nothing of it,');
update tocsin.self_watch set heartbeat_url = null where true;
select is_empty('select from tocsin.troubles', 'nor of troubles,');
reset role;
select is((select heartbeat_url from tocsin.self_watch), 'https://hc.example/secret',
  'and changes nothing.');
select results_eq($$select after ->> 'heartbeat_url', changed_by::text
  from tocsin.configuration_changes where record = 'self_watch'$$,
  $$values ('https://hc.example/***', '00000000-0000-4000-8000-0000000000ff')$$,
  'Who changed it is kept, and not what is secret in the address.');
delete from tocsin.alert_channels where name = 'ours';
select is((select channel_id from tocsin.self_watch), null, 'A channel that is deleted is none.');

select * from finish();
rollback;
