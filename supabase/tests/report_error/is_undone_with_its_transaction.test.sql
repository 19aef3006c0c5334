begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(1);

savepoint before;
select tocsin.report_error('system', 'x');
rollback to before;
select from tocsin_internal.tick();
select is_empty('select from tocsin.error_metrics', 'Rolled back, it was never reported.');

select * from finish();
rollback;
