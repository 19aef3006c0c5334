// Makes two years of counted history for the reading benchmark: the buckets, not the runs.
//
// 10,000 workflows in 100 projects share 100 million runs as workflows do: the k-th busiest has the
// k-th part of the busiest one's. Rows lie in the order of time, as the roll-up writes them, so a
// workflow's history is spread over its table. The lengths are drawn on their own: minutes do not
// add up to their day here, which changes no reading time.

import { withClient } from "../dev/database.ts";

/** The part of it that is made: TOCSIN_BENCH_SIZE=0.05 is a twentieth, for a quick look. */
export const size = Math.min(1, Math.max(0.01, Number(process.env["TOCSIN_BENCH_SIZE"] ?? 1)));
/** What every query of the benchmark takes for the present. */
export const present = "2026-06-01 12:07:30+00";
export const workflows = Math.round(10_000 * size);
export const projects = Math.max(4, Math.round(100 * size));
export const pendingOutcomes = Math.round(25_000 * size);
const runs = 100e6 * size;

/** The lengths that are kept, for how many days and for how many of the busiest workflows. */
const kept = [
  { table: "run_days", minutes: 1440, days: 730, busiest: workflows },
  { table: "run_quarter_hours", minutes: 15, days: 35, busiest: workflows },
  {
    table: "run_quarter_hours",
    minutes: 15,
    days: 180,
    after: 35,
    busiest: Math.round(300 * size),
  },
  { table: "run_five_minutes", minutes: 5, days: 35, busiest: workflows },
  { table: "run_minutes", minutes: 1, days: 2, busiest: workflows },
];

const prepare = `
  create schema bench;
  create table bench.workflows as
  select k, 'project-' || lpad((k % ${projects})::text, 3, '0') as project_id,
    md5(k::text)::uuid::text as workflow_id,
    ${runs} / 730 / (select sum(1.0 / i) from generate_series(1, ${workflows}) as i)::float8 / k
      as runs_a_day,
    k % 8 as pace
  from generate_series(1, ${workflows}) as k;
  alter table bench.workflows add primary key (k);

  -- how n durations fall into bins: 8 paces, from 0.2 s to half a minute in the middle
  create table bench.shapes as
  with point as (
    select size, pace, n,
      (65 + 5 * pace + round(3 * ln((i - 0.5) / n / (1 - (i - 0.5) / n))))::smallint as bin
    from generate_series(0, 80) as size
    cross join generate_series(0, 7) as pace
    cross join lateral (select greatest(1, round(exp(size / 8.0)))::int as n) as number
    cross join lateral generate_series(1, n) as i
  )
  select size, pace, n, array_agg(bin order by bin) as bins,
    array_agg(there::bigint order by bin) as counts, sum(there * 1.1 ^ bin)::float8 as ms_sum,
    (1.1 ^ min(bin))::float8 as ms_min, (1.1 ^ max(bin))::float8 as ms_max
  from (select size, pace, n, bin, count(*) as there from point group by 1, 2, 3, 4) as binned
  group by 1, 2, 3;
  analyze bench.workflows;
  analyze bench.shapes;`;

const fill = (part: (typeof kept)[number]): string => {
  const last = `date_bin('${part.minutes} minutes', timestamptz '${present}', '2000-01-01+00')`;
  return `
  insert into tocsin_internal.${part.table}
  select ${part.minutes}, project_id, workflow_id, 'runs', at,
    s.n - s.n / 20 - s.n / 50, s.n / 20, 0, s.n / 50, s.n, s.ms_sum, s.ms_min, s.ms_max,
    s.bins, s.counts, at + interval '${part.minutes} minutes'
  from (
    -- few a bucket come as they like, many come evenly
    select at, project_id, workflow_id, pace, case when expected < 30
      then floor(random() - ln(random() + 1e-12) * expected)
      else expected * (0.8 + 0.4 * random()) end as runs
    from generate_series(${last} - interval '${part.days} days',
      ${last} - interval '${part.after ?? 0} days'
        - interval '${part.after === undefined ? 0 : part.minutes} minutes',
      interval '${part.minutes} minutes') as at
    cross join (
      select *, runs_a_day * ${part.minutes} / 1440 as expected from bench.workflows
      where k <= ${part.busiest}
    ) as w
  ) as drawn
  join bench.shapes s on s.pace = drawn.pace and s.size = round(8 * ln(greatest(1, drawn.runs)))
  where drawn.runs >= 1
  order by at`;
};

const totals = `
  insert into tocsin_internal.run_totals
  select 0, d.project_id, d.workflow_id, 'runs', '2000-01-01 00:00:00+00', d.succeeded, d.failed, 0,
    d.canceled, d.durations, d.ms_sum, s.ms_min, s.ms_max, s.bins, s.counts, '${present}'
  from (
    select project_id, workflow_id, sum(success_count) as succeeded, sum(failed_count) as failed,
      sum(canceled_count) as canceled, sum(duration_count) as durations,
      sum(duration_ms_sum) as ms_sum
    from tocsin_internal.run_days group by 1, 2
  ) as d
  join bench.workflows w using (workflow_id)
  join bench.shapes s on s.pace = w.pace and s.size = 60`;

/** Outcomes that the roll-up has not taken yet, of the last seconds. */
const pending = (count: number): string => `
  create table public.runs (id bigint primary key, project_id text, workflow_id text, status text,
    started_at timestamptz, finished_at timestamptz);
  select tocsin.watch_runs('public.runs', p_options => '{"source_id": "runs"}');
  update tocsin_internal.counted_ranges
  set watched = '{[2024-01-01 00:00:00+00,)}', watched_since = '2024-01-01 00:00:00+00';
  insert into tocsin_internal.run_outcomes (source_id, run_id, project_id, workflow_id, outcome,
    sign, started_at, finished_at, captured_at)
  select 'runs', n::text, w.project_id, w.workflow_id,
    case when n % 20 = 0 then 'failed' else 'succeeded' end, 1,
    timestamptz '${present}' - interval '1 ms' * (n % 5000 + 100 + n % 3000),
    timestamptz '${present}' - interval '1 ms' * (n % 5000),
    timestamptz '${present}' - interval '1 ms' * (n % 5000)
  from generate_series(1, ${count}) as n
  join bench.workflows w on w.k = 1 + (n::bigint * 7919) % ${workflows}`;

/**
 * Fills a new database. The keys are taken off while a table is filled, and put back as they were.
 */
export async function makeHistory(url: string, pendingCount: number): Promise<void> {
  await withClient(url, async (client) => {
    await client.query("set statement_timeout = 0");
    await client.query(prepare);
  });
  const tables = [...new Set(kept.map((part) => part.table))];
  // two at a time, the longest first
  const queue = ["run_days", "run_quarter_hours", "run_five_minutes", "run_minutes"];
  if (queue.length !== tables.length) throw new Error("a length of bucket is not filled");
  const work = async (): Promise<void> => {
    for (let table = queue.shift(); table; table = queue.shift()) await fillTable(url, table);
  };
  await Promise.all([work(), work()]);
  await withClient(url, async (client) => {
    await client.query("set statement_timeout = 0; set work_mem = '256MB'");
    await client.query(totals);
    await client.query(pending(pendingCount));
    for (const table of [...tables, "run_totals", "run_outcomes", "counted_ranges"]) {
      await client.query(`vacuum (analyze) tocsin_internal.${table}`);
    }
    await client.query("analyze tocsin_internal.run_buckets");
  });
}

async function fillTable(url: string, table: string): Promise<void> {
  const parts = kept.filter((part) => part.table === table);
  const minutes = parts[0]?.minutes;
  await withClient(url, async (client) => {
    await client.query(`set statement_timeout = 0; set work_mem = '256MB';
      set maintenance_work_mem = '1GB'; select setseed(0.5)`);
    const { rows } = await client.query<{ definition: string; name: string }>(
      `select indexrelid::regclass::text as name, pg_get_indexdef(indexrelid) as definition
       from pg_index where indrelid = 'tocsin_internal.${table}'::regclass and not indisprimary`,
    );
    await client.query(`
      alter table tocsin_internal.run_buckets detach partition tocsin_internal.${table};
      alter table tocsin_internal.${table} drop constraint ${table}_pkey;
      ${rows.map((index) => `drop index ${index.name};`).join("\n")}`);
    // the older part first: rows lie as they were written
    for (const part of [...parts].reverse()) await client.query(fill(part));
    await client.query(`
      alter table tocsin_internal.${table} add constraint ${table}_pkey
        primary key (bucket_minutes, project_id, workflow_id, source_id, bucket_at);
      ${rows.map((index) => `${index.definition};`).join("\n")}
      alter table tocsin_internal.run_buckets attach partition tocsin_internal.${table}
        for values in (${minutes});`);
  });
}

/** What was made: rows and bytes of each table, and the runs that the days add up to. */
export async function describeHistory(url: string): Promise<Record<string, number>> {
  return withClient(url, async (client) => {
    const made: Record<string, number> = {};
    for (const table of [...new Set(kept.map((part) => part.table)), "run_totals"]) {
      const { rows } = await client.query<{ n: string; bytes: string }>(
        `select count(*) as n, pg_total_relation_size('tocsin_internal.${table}') as bytes
         from tocsin_internal.${table}`,
      );
      made[table] = Number(rows[0]?.n);
      made[`${table}_megabytes`] = Math.round(Number(rows[0]?.bytes) / 1e6);
    }
    const { rows } = await client.query<{ runs: string }>(
      "select sum(success_count + failed_count + canceled_count) as runs from tocsin_internal.run_days",
    );
    made["runs"] = Number(rows[0]?.runs);
    return made;
  });
}
