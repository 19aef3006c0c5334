begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(3);

select is((tocsin_internal.classify('worker', 'run', '23505', null, null, null)).severity::text,
  'medium', 'Input that made a run fail is medium.');
select is((tocsin_internal.classify('worker', 'run', null, null, null, null)).rule, 'run',
  'A failed run that says nothing is an execution error.');
select is((tocsin_internal.classify('webhook', 'report', null, 503, null, null)).error_type::text,
  'system', 'A webhook intake that answers 503 is a fault of its own, not of a dependency.');

select * from finish();
rollback;
