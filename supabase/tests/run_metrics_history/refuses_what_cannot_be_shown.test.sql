begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(6);

select throws_ok($$select * from tocsin.run_metrics_history(now(), now() - interval '1 hour')$$,
  'TC017', null, 'A range ends after it begins.');
select throws_ok($$select * from tocsin.run_metrics_history('-infinity', now())$$,
  'TC017', null, 'A range has a beginning.');
select throws_ok($$select * from tocsin.run_metrics_history(now() - interval '1 day', now(),
  '7 minutes')$$, 'TC017', null, 'A bucket divides a day.');
select throws_ok($$select * from tocsin.run_metrics_history(now() - interval '1 day', now(),
  '0 minutes')$$, 'TC017', null, 'A bucket has a length.');
select throws_ok($$select * from tocsin.run_metrics_history(now() - interval '1 year', now(),
  '1 minute')$$, 'TC017', null, 'A year of minutes is refused, not computed.');
select throws_ok($$select * from tocsin.run_metrics_history(now() - interval '1 day', now(),
  '1 hour', p_time_zone => 'Middle/Earth')$$, 'TC018', null, 'A time zone is known.');

select * from finish();
rollback;
