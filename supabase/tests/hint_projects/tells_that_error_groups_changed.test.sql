begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(6);

select tocsin.report_error('input', 'without Realtime', p_project_id => 'p');
select is(tocsin_internal.run_stage('ingest_reports', '2031-05-10 09:00Z'), 1::bigint,
  'Without Realtime errors are stored all the same.');

create schema realtime;
create table realtime.sent (payload jsonb, event text, topic text, private boolean);
create function realtime.send(payload jsonb, event text, topic text, private boolean default true)
returns void language sql as 'insert into realtime.sent values (payload, event, topic, private)';

-- more than one batch of a thousand
select tocsin.report_error('input', 'boom', p_project_id => case n % 3 when 0 then 'p'
  when 1 then 'q' else '' end) from generate_series(1, 2500) as n;
select tocsin_internal.ingest_reports('2031-05-10 10:00Z');
select bag_eq('select event, topic, private, payload from realtime.sent', $$values
  ('errors', 'tocsin:project:p', true, '{"at": "2031-05-10T10:00:00+00:00", "project_id": "p"}'),
  ('errors', 'tocsin:project:q', true, '{"at": "2031-05-10T10:00:00+00:00", "project_id": "q"}'),
  ('errors', 'tocsin:operators', true,
    '{"at": "2031-05-10T10:00:00+00:00", "project_id": ""}'::jsonb)
  $$, 'Each project is told once a beat, on a private topic of its own, and no more than that.');
select tocsin.report_error('input', 'boom', p_project_id => 'p');
select tocsin_internal.ingest_reports('2031-05-10 10:00:05Z');
select is((select count(*)::int from realtime.sent where topic = 'tocsin:project:p'), 2,
  'And again at the next beat.');
select tocsin_internal.ingest_reports('2031-05-10 10:00:10Z');
select is((select count(*)::int from realtime.sent), 4, 'A beat without errors tells nobody.');

insert into tocsin.project_members values ('q', '00000000-0000-4000-8000-00000000000e', 'editor');
select set_config('request.jwt.claims',
  '{"role": "authenticated", "sub": "00000000-0000-4000-8000-00000000000e"}', true);
set local role authenticated;
select from tocsin.resolve_error_group((select group_id from tocsin.error_groups));
reset role;
select is((select count(*)::int from realtime.sent where topic = 'tocsin:project:q'), 2,
  'What an editor does to a group is told as well.');

drop table realtime.sent;
select lives_ok($$select tocsin.reopen_error_group(group_id) from tocsin.error_groups
  where project_id = 'q'$$, 'When Realtime fails, people change groups all the same.');

select * from finish();
rollback;
