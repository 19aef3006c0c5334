begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(4);

create table runs (id int primary key, status text);
select from tocsin.watch_runs('runs');
select from tocsin.setup(null, 'ada@example.com');
insert into runs values (1, 'failed');
drop function tocsin_internal.claim_failures(timestamptz);
insert into auth.users (id, email, email_confirmed_at)
values ('00000000-0000-4000-8000-0000000000ff', 'ada@example.com', now());
create temp table beat as select * from tocsin_internal.tick('2026-03-04 10:00Z');

select results_eq($$select stage, handled from beat$$, $$
  values ('sample_queues', 4::bigint), ('roll_up', 1),
    ('backfill', 0), ('claim_failures', null), ('ingest', 0),
    ('find_long_runs', 0), ('watch_cron', 0), ('watch_webhooks', 0), ('ingest_reports', 0),
    ('evaluate', 0),
    ('close_windows', 0), ('remind', 0), ('watch_itself', 0),
    ('queue_deliveries', 0), ('ring_doorbell', 0), ('look_up_names', 0),
    ('accept_invited_operators', 1), ('note_beat', 1)
$$, 'The stages before and after the one that fails do their work.');
select results_eq($$select stage, happened_at, error_code from tocsin_internal.stage_faults$$,
  $$values ('claim_failures', '2026-03-04 10:00Z'::timestamptz, '42883')$$,
  'The one that failed leaves a fault,');
select is_empty($$select stage from tocsin_internal.stages where stage = 'claim_failures'$$,
  'and is not noted as run.');
select results_eq($$
  select status from tocsin.doctor('2026-03-04 10:00Z') where check_name = 'no faults'
$$, array['warn'], 'doctor() tells of it.');

select * from finish();
rollback;
