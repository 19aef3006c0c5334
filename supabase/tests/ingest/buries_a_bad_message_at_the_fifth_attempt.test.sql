begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(4);

select from pgmq.send('tocsin_failures', '{"error_id": "not a uuid"}');
create function pg_temp.beat() returns void language plpgsql as $$
begin
  update pgmq.q_tocsin_failures set vt = clock_timestamp();
  perform from tocsin_internal.tick();
end
$$;
select pg_temp.beat() from generate_series(1, 4);
select is_empty($$select msg_id from pgmq.q_tocsin_failures_dlq$$,
  'For four attempts it is kept in the queue.');
select pg_temp.beat();

select results_eq($$
  select message ->> 'error_id', message ->> 'dead_letter_error' from pgmq.q_tocsin_failures_dlq
$$, $$values ('not a uuid', 'invalid input syntax for type uuid: "not a uuid"')$$,
  'At the fifth it goes to the dead letters, with its error.');
select is_empty($$select msg_id from pgmq.q_tocsin_failures$$, 'It is gone from the queue.');
select results_eq($$select status from tocsin.doctor() where check_name = 'no dead letters'$$,
  array['warn'], 'doctor() tells of it.');

select * from finish();
rollback;
