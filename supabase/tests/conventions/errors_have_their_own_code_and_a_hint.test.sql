-- read_run() raises into its caller's handler, which makes a warning of it.
begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(2);

select is_empty($$
  select p.oid::regprocedure, told.* from pg_proc p
  cross join lateral (
    select regexp_count(p.prosrc, 'raise exception') as errors,
      regexp_count(p.prosrc, 'errcode = ''TC\d{3}''') as codes,
      regexp_count(p.prosrc, 'hint = ') as hints) as told
  where p.pronamespace in ('tocsin'::regnamespace, 'tocsin_internal'::regnamespace)
    and p.proname <> 'read_run'
    and (told.codes < told.errors or told.hints < told.errors)
$$, 'Every error that is raised has a code of class TC and says what to do next.');

select is_empty($$
  select p.oid::regprocedure from pg_proc p
  where p.pronamespace in ('tocsin'::regnamespace, 'tocsin_internal'::regnamespace)
    and p.prosrc ~* 'when\s+others\s+then\s+null'
$$, 'No error is swallowed without a word.');

select * from finish();
rollback;
