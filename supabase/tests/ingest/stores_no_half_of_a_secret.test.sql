begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(2);

create table runs (id int primary key, status text, error text);
select from tocsin.watch_runs('runs');
insert into runs values
  (1, 'failed', repeat('x ', 4090) || 'AKIA' || 'IOSFODNN7EXAMPLE'),
  (2, 'failed', repeat('y', 100000));
select from tocsin_internal.tick();

select cmp_ok((select max(length(message)) from tocsin.error_metrics), '<=', 8192,
  'A long error is cut.');
select doesnt_match((select message from tocsin.error_metrics where run_id = '1'), 'IOS',
  'A secret that the cut would divide is redacted first.');

select * from finish();
rollback;
