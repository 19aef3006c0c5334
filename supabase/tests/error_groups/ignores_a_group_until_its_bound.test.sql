begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(13);

create function pg_temp.fail(p_at timestamptz, p_count int default 1) returns text
language sql as $$
  select tocsin_internal.store_errors(array(select jsonb_populate_record(
    null::tocsin_internal.reported_errors, jsonb_build_object('error_id', gen_random_uuid(),
      'source', 'system', 'origin', 'report', 'timestamp', p_at, 'message', 'boom',
      'is_seen', false, 'is_redacted', false)) from generate_series(1, p_count)), p_at);
  select status::text from tocsin.error_groups
$$;
create function pg_temp.ignore(p_until timestamptz default null, p_count bigint default null,
  p_rate int default null, p_window interval default null) returns text language sql as $$
  select (tocsin.ignore_error_group(group_id, p_until, p_count, p_rate, p_window, 'known',
    '2031-05-10 10:00Z')).status::text from tocsin.error_groups
$$;
select is(pg_temp.fail('2031-05-10 09:00Z'), 'open', 'A group is open at first.');
select is(pg_temp.ignore(p_until => '2031-05-11 00:00Z'), 'ignored', 'Ignored until a time,');
select is(pg_temp.fail('2031-05-10 23:59Z'), 'ignored', 'it stays so before,');
select is(pg_temp.fail('2031-05-11 00:00Z'), 'open', 'and opens with the next error from then on.');
select is(pg_temp.ignore(p_count => 5), 'ignored', 'Ignored until five more came,');
select is(pg_temp.fail('2031-05-11 01:00Z', 4), 'ignored', 'it stays so at four');
select is(pg_temp.fail('2031-05-11 01:00Z'), 'open', 'and opens at the fifth.');
select is(pg_temp.ignore(p_rate => 10, p_window => '1 hour'), 'ignored',
  'Ignored until ten an hour,');
select is(pg_temp.fail('2031-05-11 02:00Z', 9), 'ignored', 'nine in an hour are too few,');
select is(pg_temp.fail('2031-05-11 03:01Z', 9), 'ignored', 'and nine in the next one;');
select is(pg_temp.fail('2031-05-11 03:30Z'), 'open', 'ten open it.');
select bag_eq($$select is_ignored, count(*)::int from tocsin.error_metrics group by 1$$,
  $$values (true, 23), (false, 4)$$, 'Events of an ignored group say so.');
select throws_ok($$select pg_temp.ignore(p_rate => 10)$$, '23514', null,
  'A rate needs its window.');

select * from finish();
rollback;
