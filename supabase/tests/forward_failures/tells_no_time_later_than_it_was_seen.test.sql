begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(6);

create table finished (n int, finished_at timestamptz, wanted timestamptz, sentence text);
insert into finished values
  (1, '2026-03-04 09:00Z', '2026-03-04 09:00Z', 'A finish time is believed,'),
  (2, '2026-03-05 09:00Z', '2026-03-04 10:00Z', 'unless it lies in the future,'),
  (3, 'infinity', '2026-03-04 10:00Z', 'is at no time at all,'),
  (4, '-infinity', '2026-03-04 10:00Z', 'on either side,'),
  (5, '1970-01-01', '2026-03-04 10:00Z', 'was before there were computers like these,'),
  (6, null, '2026-03-04 10:00Z', 'or is not known.');

select from tocsin_internal.forward_failures(array(
  select row(n, 's', n, 'p', 'w', 'failed', 1, 'status', null, null, finished_at,
    '2026-03-04 10:00Z')::tocsin_internal.run_outcomes
  from finished));
select is((message ->> 'failed_at')::timestamptz, wanted, sentence)
from finished join pgmq.q_tocsin_failures on message ->> 'run_id' = n::text
order by n;

select * from finish();
rollback;
