begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(4);

insert into tocsin.operators (user_id) values ('00000000-0000-4000-8000-0000000000ff');
insert into tocsin.alert_settings (name, project_id) values ('all', 'a');
insert into tocsin.alert_channels (name, kind, recipients, project_id)
values ('mail', 'email', '{a@b.test}', 'a');
set local role authenticated;
set local request.jwt.claims =
  '{"sub": "00000000-0000-4000-8000-0000000000ff", "role": "authenticated"}';

select throws_ok($$update tocsin.alert_settings set project_id = 'b'$$, 'TC012', null,
  'A setting does not move to another project,');
select throws_ok($$update tocsin.alert_settings set project_id = null$$, 'TC012', null,
  'nor to all of them;');
select throws_ok($$update tocsin.alert_channels set project_id = 'b'$$, 'TC012', null,
  'a channel does not either, whoever asks.');
select lives_ok($$update tocsin.alert_settings set name = 'other', project_id = 'a'$$,
  'Other changes are fine.');

select * from finish();
rollback;
