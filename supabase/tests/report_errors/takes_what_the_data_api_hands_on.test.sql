-- The Data API reads arguments with json_to_record(), whose parser refuses what json itself holds.
-- So tocsin-api replaces it first: supabase/functions/_shared/json_body.ts.
begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(3);

create function pg_temp.call(p_body json) returns text language sql as $$
  select tocsin.report_errors(a.p_events, a.p_ingest_key, a.p_environment) ->> 'accepted'
  from json_to_record(p_body) as a (p_events json, p_ingest_key text, p_environment text)
$$;
select is(pg_temp.call(json_build_object('p_events', ('[{"message": "replaced: \ufffd"}, '
  '{"message": "deep", "metadata": ' || repeat('{"a": ', 24) || '1' || repeat('}', 24) || '}]')
  ::json)), '2', 'What the function replaced and cut is taken.');
select throws_ok($$select pg_temp.call('{"p_events": [{"message": "\u0000"}]}')$$, '22P05', null,
  'A null character would have taken the whole batch,');
select throws_ok($$select pg_temp.call('{"p_events": [{"message": "\ud800"}]}')$$, '22P02', null,
  'and so would half a pair of surrogates.');

select * from finish();
rollback;
