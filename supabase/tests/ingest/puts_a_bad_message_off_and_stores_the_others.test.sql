begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(4);

create table runs (id int primary key, status text);
select from tocsin.watch_runs('runs');
insert into runs select n, 'failed' from generate_series(1, 20) as n;
select from tocsin_internal.roll_up();
update pgmq.q_tocsin_failures set message = message || '{"failed_at": "once upon a time"}'
where message ->> 'run_id' = '7';
select from tocsin_internal.tick();

select is((select count(*)::int from tocsin.error_metrics), 19,
  'The bad message does not keep the others of its batch.');
select results_eq($$
  select message ->> 'run_id', vt > clock_timestamp() from pgmq.q_tocsin_failures
$$,
  $$values ('7', true)$$, 'It is put off,');
select results_eq($$select stage, error_code from tocsin_internal.stage_faults$$,
  $$values ('ingest', '22007')$$, 'and its error is a fault.');
select is_empty($$select msg_id from tocsin_internal.claimed_failures$$, 'Nothing stays claimed.');

select * from finish();
rollback;
