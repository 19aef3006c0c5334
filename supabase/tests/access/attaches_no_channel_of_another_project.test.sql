begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(8);

insert into tocsin.project_members (project_id, user_id, role) values
  ('a', '00000000-0000-4000-8000-00000000000a', 'viewer'),
  ('a', '00000000-0000-4000-8000-00000000000e', 'editor');
insert into tocsin.operators (user_id) values ('00000000-0000-4000-8000-0000000000ff');
insert into tocsin.alert_settings (setting_id, name, project_id) values
  ('5e771460-0000-4000-8000-00000000000a', 'of a', 'a'),
  ('5e771460-0000-4000-8000-00000000000b', 'of b', 'b');
insert into tocsin.alert_channels (channel_id, name, kind, recipients, project_id) values
  ('c4a22e10-0000-4000-8000-00000000000a', 'of a', 'email', '{a@b.test}', 'a'),
  ('c4a22e10-0000-4000-8000-00000000000b', 'of b', 'email', '{a@b.test}', 'b'),
  ('c4a22e10-0000-4000-8000-000000000000', 'of operators', 'email', '{a@b.test}', null);
create function pg_temp.attach(p_setting text, p_channel text) returns void language sql as $$
  insert into tocsin.alert_setting_channels values
    (('5e771460-0000-4000-8000-00000000000' || p_setting)::uuid,
     ('c4a22e10-0000-4000-8000-00000000000' || p_channel)::uuid)
$$;
grant execute on function pg_temp.attach(text, text) to authenticated;
set local role authenticated;

set local request.jwt.claims = '{"sub": "00000000-0000-4000-8000-00000000000a"}';
select throws_ok($$select pg_temp.attach('a', 'a')$$, 'TC012', null,
  'A viewer, who does not see the channels, attaches none.');
set local request.jwt.claims = '{"sub": "00000000-0000-4000-8000-00000000000e"}';
select throws_ok($$select pg_temp.attach('a', 'b')$$, 'TC012', null,
  'An editor attaches no channel of another project,');
select throws_ok($$select pg_temp.attach('a', '0')$$, 'TC012', null, 'none of the operators,');
select throws_ok($$select pg_temp.attach('b', 'a')$$, 'TC012', null,
  'not the own one to a setting of another project,');
select throws_ok($$select pg_temp.attach('b', 'b')$$, '42501', null,
  'and not the other project''s own one to its own setting.');
select lives_ok($$select pg_temp.attach('a', 'a')$$, 'The own channel to the own setting is fine.');
set local request.jwt.claims = '{"sub": "00000000-0000-4000-8000-0000000000ff"}';
select throws_ok($$select pg_temp.attach('b', 'a')$$, 'TC012', null,
  'Not even an operator mixes two projects.');
select lives_ok($$select pg_temp.attach('b', 'b')$$, 'Within one, an operator attaches.');

select * from finish();
rollback;
