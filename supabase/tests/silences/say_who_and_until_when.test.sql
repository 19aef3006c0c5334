begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(7);

insert into tocsin.project_members (project_id, user_id, role)
values ('p', '00000000-0000-4000-8000-00000000000e', 'editor');
insert into tocsin.alert_settings (name, project_id) values ('q', 'q');
set local request.jwt.claims =
  '{"role": "authenticated", "sub": "00000000-0000-4000-8000-00000000000e"}';
set local role authenticated;
insert into tocsin.silences (reason, project_id, ends_at, created_by)
values ('mine', 'p', now() + interval '1 hour', '00000000-0000-4000-8000-00000000000b');
select is((select created_by from tocsin.silences), '00000000-0000-4000-8000-00000000000e'::uuid,
  'Nobody silences in another one''s name.');
update tocsin.silences set created_by = null where true;
select is((select created_by from tocsin.silences), '00000000-0000-4000-8000-00000000000e'::uuid,
  'Nor does it become another one''s.');
reset role;
select throws_ok($$
  insert into tocsin.silences (reason, ends_at) values ('', now() + interval '1 hour')
$$, '23514', null, 'It has a reason.');
select throws_ok($$
  insert into tocsin.silences (reason, starts_at, ends_at) values ('x', now(), now())
$$, '23514', null, 'It ends after it begins,');
select throws_ok($$
  insert into tocsin.silences (reason, ends_at) values ('x', now() + interval '2 years')
$$, '23514', null, 'within a year.');
select throws_ok($$
  insert into tocsin.silences (reason, project_id, ends_at, setting_id)
  select 'x', 'p', now() + interval '1 hour', setting_id from tocsin.alert_settings
$$, 'TC012', null, 'It names no setting of another project.');
select throws_ok($$update tocsin.silences set project_id = 'q' where true$$, 'TC012', null,
  'It stays in its project.');

select * from finish();
rollback;
