begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(5);

select tocsin_internal.make_error_partitions('2031-05-01 10:00Z');
insert into tocsin.error_metrics (error_id, timestamp, source, error_type, severity, ingested_at)
select gen_random_uuid(), at, 'worker', 'unknown', 'low', at
from generate_series('2031-04-30 12:00Z'::timestamptz, '2031-05-04 12:00Z', interval '1 day') as at;
select tocsin_internal.prune_errors('2031-06-01 00:00Z', 100);
select is((select min(ingested_at) from tocsin.error_metrics), '2031-05-02 12:00Z',
  'A day is dropped when its last moment is 30 days ago.');
select ok(to_regclass('tocsin_internal.error_metrics_20310501') is null,
  'The partition is gone, not emptied.');
update tocsin.retention set keep_for = interval '2 days' where record = 'error_metrics';
select tocsin_internal.prune_errors('2031-05-06 00:00Z', 100);
select is((select min(ingested_at) from tocsin.error_metrics), '2031-05-04 12:00Z',
  'How long they are kept is a row that operators change.');
select throws_ok($$update tocsin.retention set keep_for = interval '1 hour' where true$$, '23514',
  null, 'Not less than a day.');
delete from tocsin.retention where true;
select is(tocsin_internal.kept_for('error_metrics'), interval '90 days',
  'Without its row they are kept for 90 days.');

select * from finish();
rollback;
