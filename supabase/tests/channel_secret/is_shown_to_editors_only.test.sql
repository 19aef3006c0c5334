begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(7);

insert into tocsin.project_members (project_id, user_id, role) values
  ('a', '00000000-0000-4000-8000-00000000000a', 'viewer'),
  ('a', '00000000-0000-4000-8000-00000000000e', 'editor'),
  ('b', '00000000-0000-4000-8000-00000000000b', 'admin');
insert into tocsin.operators (user_id) values ('00000000-0000-4000-8000-0000000000ff');
insert into tocsin.alert_channels (channel_id, name, kind, url, project_id)
values ('c4a22e10-0000-4000-8000-00000000000a', 'hook', 'webhook', 'https://x.example', 'a');
insert into tocsin.alert_channels (channel_id, name, kind, recipients, project_id)
values ('c4a22e10-0000-4000-8000-00000000000e', 'mail', 'email', '{a@b.test}', 'a');
set local role authenticated;

set local request.jwt.claims = '{"sub": "00000000-0000-4000-8000-00000000000e"}';
select matches(tocsin.channel_secret('c4a22e10-0000-4000-8000-00000000000a'), '^whsec_',
  'An editor gets the secret for the receiver.');
select is(tocsin.channel_secret('c4a22e10-0000-4000-8000-00000000000e'), null,
  'A channel for email has none.');
set local request.jwt.claims = '{"sub": "00000000-0000-4000-8000-0000000000ff"}';
select matches(tocsin.channel_secret('c4a22e10-0000-4000-8000-00000000000a'), '^whsec_',
  'So does an operator.');
set local request.jwt.claims = '{"sub": "00000000-0000-4000-8000-00000000000a"}';
select throws_ok($$select tocsin.channel_secret('c4a22e10-0000-4000-8000-00000000000a')$$,
  'TC011', null, 'A viewer does not,');
set local request.jwt.claims = '{"sub": "00000000-0000-4000-8000-00000000000b"}';
select throws_ok($$select tocsin.channel_secret('c4a22e10-0000-4000-8000-00000000000a')$$,
  'TC011', null, 'nor an admin of another project,');
set local request.jwt.claims = '{"sub": "00000000-0000-4000-8000-000000000000"}';
select throws_ok($$select tocsin.channel_secret('c4a22e10-0000-4000-8000-00000000000a')$$,
  'TC011', null, 'nor a stranger.');
set local role anon;
select throws_ok($$select tocsin.channel_secret('c4a22e10-0000-4000-8000-00000000000a')$$,
  '42501', null, 'Without signing in one cannot even ask.');

select * from finish();
rollback;
