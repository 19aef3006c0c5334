begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(9);

create temp table answer as select tocsin.report_errors((
  select json_agg(case n
    when 7 then '{"message": "x", "severity": "catastrophic"}'::json
    when 8 then '42'::json
    when 9 then '{"severity": "low"}'::json
    when 10 then '{"message": "null \u0000 in it",
      "error_id": "00000000-0000-4000-8000-00000000000a"}'
    when 11 then '{"message": 42, "http_status": 503, "color": "red"}'
    when 12 then '{"message": "again", "error_id": "00000000-0000-4000-8000-00000000000a"}'
    when 13 then '{"message": "lone \ud800 surrogate"}'
    when 14 then '{"message": "x", "error_id": "17"}'
    else json_build_object('message', 'boom ' || n, 'project_id', 'p', 'source', 'worker') end)
  from generate_series(1, 100) as n)) as a;
select results_eq($$select a ->> 'status', a ->> 'accepted', a ->> 'duplicates', a ->> 'rejected'
  from answer$$, $$values ('202', '94', '1', '5')$$, 'The good items are taken.');
select is((select jsonb_array_length(a -> 'results') from answer), 100, 'Each has its result.');
select results_eq($$
  select (r ->> 'index')::int, r ->> 'status', r ->> 'reason' from answer,
    jsonb_array_elements(a -> 'results') as r where r ->> 'status' <> 'accepted'
    and (r ->> 'index')::int <> 12
$$, $$values (6, 'rejected', 'severity is not low, medium or high'),
  (7, 'rejected', 'it is not an object'),
  (8, 'rejected', 'it has neither a message nor an exception'),
  (11, 'duplicate', null), (13, 'rejected', 'error_id is not a uuid')$$,
  'A bad one says why, and one that came before says so.');
select is((select r ->> 'status' from answer, jsonb_array_elements(a -> 'results') as r
  where r ->> 'index' = '12'), 'rejected', 'Text that is no text takes only its own item.');
select from tocsin_internal.tick();
select is((select count(*)::int from tocsin.error_metrics), 94, 'They are stored,');
select is((select count(*)::int from tocsin.error_groups), 3, 'and grouped.');
select results_eq($$select message, metadata, error_type::text from tocsin.error_metrics
  where http_status = 503$$, $$values ('42', '{"color": "red"}'::jsonb, 'dependency')$$,
  'A number is a message too, and what is not known is kept as metadata.');
select is((select tocsin.report_errors(json_agg(json_build_object('message', 'x')))
  ->> 'status' from generate_series(1, 101)), '413', 'More than 100 are too many.');
select is(tocsin.report_errors(j) ->> 'status', '400', 'What is no list is refused.')
from (values ('"x"'::json)) as v (j);

select * from finish();
rollback;
