begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(1);

select ok('lock_timeout=1s' = any (proconfig), 'Looking runs up never waits long for the host.')
from pg_proc where oid = 'tocsin_internal.look_up_runs(text, text[])'::regprocedure;

select * from finish();
rollback;
