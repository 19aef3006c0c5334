begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(2);

select throws_ok($$select tocsin_internal.run_stage('roll_down')$$, 'TC015',
  'The heart has no stage "roll_down"', 'A stage is one of those of the heart,');
select throws_ok($$select tocsin_internal.run_stage('record_fault')$$, 'TC015', null,
  'and no other function can be called through it.');

select * from finish();
rollback;
