// Counted runs for suites that read what roll-ups would have made, without the runs.

import type pg from "pg";

type Size = {
  workflows: number;
  projects: number;
  /** So many of them run every minute, the others once an hour. */
  busy: number;
  /** The end of the last minute that has runs. */
  until: string;
  /** How far back the buckets of 5 minutes reach; those of a minute reach two hours. */
  days?: number;
};

/** How far back the buckets of each length reach, in hours; evaluators take the longest that fit. */
const reach = (days: number): [minutes: number, hours: number][] => [
  [1, 2],
  [5, Math.max(8, days * 24)],
  [15, Math.max(76, days * 24)],
];

/** Fills the buckets: a run of a second in each that has one, of which one in a thousand failed. */
export async function fillBuckets(client: pg.Client, size: Size): Promise<void> {
  for (const [minutes, hours] of reach(size.days ?? 0)) {
    await client.query(
      `insert into tocsin_internal.run_buckets (bucket_minutes, project_id, workflow_id, source_id,
         bucket_at, success_count, failed_count, duration_count, duration_ms_sum, duration_ms_min,
         duration_ms_max, duration_bins, duration_bin_counts, last_updated)
       select $1, 'p' || w % $3, 'w' || w, 's', at, n.runs - n.failed, n.failed, n.runs,
         n.runs * 1000, 900, 1100, '{72,73}', array[1, n.runs - 1], at
       from generate_series(0, $2::int - 1) as w
       cross join lateral generate_series(
         $4::timestamptz - make_interval(mins => $1) - case when w < $5 then interval '0'
           else make_interval(mins => (w % (60 / $1)) * $1) end,
         $4::timestamptz - make_interval(hours => $6),
         -case when w < $5 then make_interval(mins => $1) else interval '1 hour' end) as at
       cross join lateral (
         select r.runs, case when hashint4(w + extract(epoch from at)::int) % 1000 = 0
           then r.runs else 0 end as failed
         from (select case when w < $5 then $1::int * 2 else 2 end as runs) as r
       ) as n`,
      [minutes, size.workflows, size.projects, size.until, size.busy, hours],
    );
  }
  await client.query(
    `insert into tocsin_internal.run_buckets (bucket_minutes, project_id, workflow_id, source_id,
       bucket_at, success_count, last_updated)
     select 0, 'p' || w % $2, 'w' || w, 's', '2000-01-01Z', 1, $3
     from generate_series(0, $1::int - 1) as w`,
    [size.workflows, size.projects, size.until],
  );
  await client.query("vacuum analyze tocsin_internal.run_buckets");
}
