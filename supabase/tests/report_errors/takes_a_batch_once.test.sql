begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(4);

create temp table batch as select json_agg(json_build_object('message', 'boom', 'project_id', 'p',
  'error_id', gen_random_uuid())) as b from generate_series(1, 10);
select is((select tocsin.report_errors(b) ->> 'accepted' from batch), '10', 'The first time,');
select is((select tocsin.report_errors(b) ->> 'duplicates' from batch), '10', 'not the second,');
select from tocsin_internal.tick();
select is((select tocsin.report_errors(b) ->> 'duplicates' from batch), '10',
  'nor when the first was stored long ago.');
select from tocsin_internal.tick();
select is((select event_count::int from tocsin.error_groups), 10, 'Each counts once.');

select * from finish();
rollback;
