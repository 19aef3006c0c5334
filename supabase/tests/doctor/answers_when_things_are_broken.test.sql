begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(2);

drop table tocsin.deliveries cascade;
drop table tocsin_internal.stage_faults cascade;

select bag_eq($$select check_name from tocsin.doctor() where detail like 'This could not be%'$$,
  array['check_schedule', 'check_notify'], 'What cannot be checked is a finding as well.');
select isnt_empty($$select * from tocsin.doctor() where check_name = 'a table is watched'$$,
  'The other checks are made.');

select * from finish();
rollback;
