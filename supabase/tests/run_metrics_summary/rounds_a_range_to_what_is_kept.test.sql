begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(6);

-- minutes are kept since 4 March, 12:34; five minutes since 30 January; quarters since September
create function pg_temp.rounded(p_from text, p_to text) returns text language sql as $$
  select concat_ws(' ', to_char(begins at time zone 'UTC', 'MM-DD HH24:MI'), 'to',
    to_char(ends at time zone 'UTC', 'MM-DD HH24:MI'))
  from tocsin_internal.round_range(p_from::timestamptz, p_to::timestamptz,
    '2026-03-06 12:34Z')$$;

select is(pg_temp.rounded('2026-03-06 10:07:20Z', '2026-03-06 12:07:20Z'),
  '03-06 10:07 to 03-06 12:08', 'Lately to minutes;');
select is(pg_temp.rounded('2026-03-04 12:22Z', '2026-03-04 12:52:20Z'),
  '03-04 12:20 to 03-04 12:55', 'without a whole day, to one length at both ends;');
select is(pg_temp.rounded('2026-02-01 12:22Z', '2026-03-06 12:07:20Z'),
  '02-01 12:20 to 03-06 12:08', 'with one, to what is kept at each;');
select is(pg_temp.rounded('2026-02-01 12:22Z', '2026-03-04 12:47:20Z'),
  '02-01 12:20 to 03-04 12:48', 'to minutes where all of its last quarter is kept in minutes,');
select is(pg_temp.rounded('2026-02-01 12:22Z', '2026-03-04 12:37:20Z'),
  '02-01 12:20 to 03-04 12:40', 'and not where only a part of it is;');
select results_eq($$select bucket_minutes, begins, ends from tocsin_internal.range_pieces(
    '2026-03-05 23:07Z', '2026-03-06 00:22Z', '2026-03-06 12:34Z')$$,
  $$values (1, '2026-03-05 23:07Z'::timestamptz, '2026-03-05 23:15Z'::timestamptz),
    (15, '2026-03-05 23:15Z', '2026-03-06 00:15Z'), (1, '2026-03-06 00:15Z', '2026-03-06 00:22Z')$$,
  'Its parts adjoin.');

select * from finish();
rollback;
