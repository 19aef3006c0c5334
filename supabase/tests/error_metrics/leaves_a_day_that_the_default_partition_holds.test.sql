begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(3);

insert into tocsin.error_metrics (error_id, timestamp, source, error_type, severity, ingested_at)
values (gen_random_uuid(), '2031-05-02', 'worker', 'unknown', 'low', '2031-05-02 10:00Z');
select from tocsin_internal.make_error_partitions('2031-05-01 10:00Z');
select is(
  (select count(*)::int from tocsin_internal.error_partitions() where day >= '2031-05-01'), 7,
  'A day whose events lie in the default partition gets none of its own; the others do.');
select is_empty($$select fault_id from tocsin_internal.stage_faults$$, 'That is no fault.');
insert into tocsin.error_metrics (error_id, timestamp, source, error_type, severity, ingested_at)
values (gen_random_uuid(), '2031-05-02', 'worker', 'unknown', 'low', '2031-05-02 11:00Z');
select is((select count(*)::int from tocsin_internal.error_metrics_default), 2,
  'Its events go on to the default partition.');

select * from finish();
rollback;
