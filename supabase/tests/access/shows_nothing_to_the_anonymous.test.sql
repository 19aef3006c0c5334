begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(4);

set local role anon;
select throws_ok($$select from tocsin.error_metrics$$, '42501', null, 'No failures,');
select throws_ok($$select from tocsin.alert_kinds$$, '42501', null, 'not even the kinds of alert,');
select throws_ok($$select tocsin.version()$$, '42501', null, 'nor the version,');
select throws_ok($$select tocsin.doctor()$$, '42501', null, 'and no findings.');

select * from finish();
rollback;
