-- Two beats at once: one decides while the other closes the window that it holds back into.
begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(3);

create function pg_temp.has_its_turn() returns boolean language sql as $$
  select exists (
    select from pg_locks where locktype = 'advisory' and pid = pg_backend_pid() and granted
      and objid::bigint = hashtext('admission')::bigint & 4294967295)
$$;
select is(pg_temp.has_its_turn(), false, 'Nobody waits for anybody while nothing is decided.');
savepoint before_closing;
select from tocsin_internal.close_windows();
select is(pg_temp.has_its_turn(), true, 'Closing keeps others from deciding until it commits.');
rollback to before_closing;
create table runs (id int primary key, status text);
select from tocsin.watch_runs('runs');
insert into tocsin.alert_settings (name) values ('all');
insert into runs values (1, 'failed');
select from tocsin_internal.roll_up(), tocsin_internal.claim_failures();
select from tocsin_internal.ingest();
select is(pg_temp.has_its_turn(), true, 'Deciding keeps others from closing until it commits.');

select * from finish();
rollback;
