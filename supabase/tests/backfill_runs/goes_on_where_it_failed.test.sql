begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(5);

create table runs (id text primary key, status text, finished_at timestamptz);
insert into runs select 'run-' || n, 'failed', now() - interval '1 day'
from generate_series(1, 10) as n;
select from tocsin.watch_runs('runs');
select from tocsin.backfill_runs('runs');
select tocsin_internal.backfill_batch(b, 4, now()) from tocsin.backfills b;
alter table runs rename column status to state;
select from tocsin_internal.tick();
select results_eq('select state::text, error ~ ''status'' from tocsin.backfills',
  $$values ('failed', true)$$, 'A backfill that cannot go on says why');
select results_eq('select stage from tocsin_internal.stage_faults', $$values ('backfill')$$,
  'and leaves a fault.');
alter table runs rename column state to status;
select results_eq('select state::text, read_count::int from tocsin.backfill_runs(''runs'')',
  $$values ('running', 4)$$, 'Called again, it goes on behind what it did.');
select from tocsin_internal.tick();
select results_eq('select state::text, read_count::int, counted_count::int from tocsin.backfills',
  $$values ('done', 10, 10)$$, 'Each run is counted once,');
select is_empty('select * from tocsin.reconcile(''runs'')', 'and the counters equal the table.');

select * from finish();
rollback;
