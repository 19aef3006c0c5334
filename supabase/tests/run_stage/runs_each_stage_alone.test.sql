begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(2);

select from tocsin_internal.run_stage('ingest');
select isnt_empty($$
  select from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()
    and classid::bigint = hashtext('tocsin')::bigint & 4294967295
    and objid::bigint = hashtext('ingest')::bigint & 4294967295
$$, 'A stage holds its own lock, so that two beats at once do not do its work twice.');
select is_empty($$
  select from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()
    and objid::bigint = hashtext('roll_up')::bigint & 4294967295
$$, 'It does not hold that of another stage.');

select * from finish();
rollback;
