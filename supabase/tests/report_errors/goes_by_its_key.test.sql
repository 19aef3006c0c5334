begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(11);

create temp table keys as
select 'a' as called, * from tocsin.create_ingest_key('a', 'good', p_rate_limit => 100)
union all select 'expired', * from tocsin.create_ingest_key('a', 'old', '2031-01-01')
union all select 'revoked', * from tocsin.create_ingest_key('a', 'lost');
select tocsin.revoke_ingest_key(key_id, '2031-01-01') from keys where called = 'revoked';
create function pg_temp.report(p_events json, p_key text, p_now timestamptz default '2031-05-10Z')
returns jsonb language sql as $$
  select tocsin.report_errors(p_events,
    coalesce((select ingest_key from keys k where k.called = p_key), p_key), 'staging', p_now)
$$;
select is(pg_temp.report('[{"message": "x"}]', 'a') ->> 'accepted', '1', 'A good key reports.');
select is(pg_temp.report('[{"message": "x", "project_id": "b"}, {"message": "y"}]', 'a')
  ->> 'rejected', '1', 'Not for another project than its own.');
select results_eq($$select project_id, environment from tocsin_internal.reported_errors$$,
  $$values ('a', 'staging'), ('a', 'staging')$$, 'What it reports belongs to its project.');
select is(pg_temp.report('[{"message": "x"}]', key) #>> '{error,message}', message, message)
from (values ('nonsense', 'This ingest key is not known.'),
  ('expired', 'This ingest key has expired.'), ('revoked', 'This ingest key was revoked.'))
  as k (key, message);
create temp table many as select json_agg('{"message": "x"}'::json) as m
  from generate_series(1, 97);
select is((select pg_temp.report(m, 'a') ->> 'status' from many), '202',
  'Up to its limit a minute');
select results_eq($$select a ->> 'status', a ->> 'limit', a ->> 'retry_after_seconds' from
  pg_temp.report('[{"message": "x"}]', 'a', '2031-05-10 00:00:18Z') as a$$,
  $$values ('429', '100', '42')$$, 'it reports; then it is told when to come again,');
select is(pg_temp.report('[{"message": "x"}]', 'a', '2031-05-10 00:01Z') ->> 'status', '202',
  'which is the next minute.');
select is((select last_used_at from tocsin.ingest_keys where name = 'good'), '2031-05-10 00:01Z',
  'When a key was last used is known to the minute.');
select is_empty($$select from tocsin.ingest_keys i join keys k using (key_id)
  where i::text like '%' || substr(k.ingest_key, 1, 30) || '%'$$, 'No key is stored.');

select * from finish();
rollback;
