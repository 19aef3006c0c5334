begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(6);

select is(tocsin_internal.failure_time(row(1, 's', 'r', 'p', 'w', 'failed', 1, 'status', null, null,
    finished_at, '2026-03-04 10:00Z')::tocsin_internal.run_outcomes),
  wanted::timestamptz, sentence)
from (values
  ('2026-03-04 09:00Z'::timestamptz, '2026-03-04 09:00Z', 'A finish time is believed,'),
  ('2026-03-05 09:00Z', '2026-03-04 10:00Z', 'unless it lies in the future,'),
  ('infinity', '2026-03-04 10:00Z', 'is at no time at all,'),
  ('-infinity', '2026-03-04 10:00Z', 'on either side,'),
  ('1970-01-01', '2026-03-04 10:00Z', 'was before there were computers like these,'),
  (null, '2026-03-04 10:00Z', 'or is not known.')
) as c (finished_at, wanted, sentence);

select * from finish();
rollback;
