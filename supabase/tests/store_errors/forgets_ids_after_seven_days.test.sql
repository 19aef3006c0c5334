begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(1);

insert into tocsin_internal.seen_errors
select gen_random_uuid(), days, '2031-05-10 10:00Z'::timestamptz - make_interval(days => days)
from unnest(array[1, 6, 8]) as days;
select from tocsin_internal.maintain('2031-05-10 10:00Z');
select bag_eq($$select project_id from tocsin_internal.seen_errors$$, array['1', '6'],
  'Which events came is remembered for seven days.');

select * from finish();
rollback;
