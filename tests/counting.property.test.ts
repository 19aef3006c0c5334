// Whatever becomes of runs, and whenever it is rolled up or backfilled: the counters equal the table.
// fast-check makes up histories of a run table and, when one of them breaks it, the shortest such.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import fc from "fast-check";
import type pg from "pg";
import { startTestDatabase } from "../dev/test/database.ts";

const server = await startTestDatabase();
after(() => server.stop());

/** What a run table may have, and how many histories of it are tried. */
const shapes = {
  "a table with both times": { hasFinish: true, hasStart: true, hasJobs: false, tries: 30 },
  "a table without a finish time": { hasFinish: false, hasStart: true, hasJobs: false, tries: 30 },
  "a table without a start": { hasFinish: true, hasStart: false, hasJobs: false, tries: 30 },
  "a table whose failures another one tells": {
    hasFinish: true,
    hasStart: true,
    hasJobs: true,
    tries: 50,
  },
};
type Shape = (typeof shapes)[keyof typeof shapes];

const statuses = ["running", "paused", "succeeded", "failed", "timed_out", "canceled"] as const;
const failing: readonly string[] = ["failed", "timed_out"];
const times = {
  none: "null",
  now: "clock_timestamp()",
  ahead: "clock_timestamp() + interval '3 seconds'",
  yesterday: "now() - interval '1 day'",
  "last week": "now() - interval '7 days'",
  "long ago": "'1970-01-01'",
  "next year": "now() + interval '1 year'",
  never: "'infinity'",
} as const;
type Time = keyof typeof times;

const runId = fc.integer({ min: 1, max: 12 });
const status = fc.constantFrom(...statuses);
const time = fc.constantFrom(...(Object.keys(times) as Time[]));
const flow = fc.constantFrom("a", "b");

type Step =
  | { do: "end"; id: number; status: (typeof statuses)[number]; finish: Time }
  | { do: "move"; id: number; flow: string }
  | { do: "retime"; id: number; finish: Time }
  | { do: "job"; id: number }
  | { do: "roll up"; limit: number }
  | { do: "backfill"; from: Time }
  | { do: "backfill some" }
  | { do: "backfill on" };

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant("end"), id: runId, status, finish: time }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("move"), id: runId, flow }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("retime"), id: runId, finish: time }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("job"), id: runId }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant("roll up"), limit: fc.integer({ min: 1, max: 5 }) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant("backfill"),
      from: fc.constantFrom<Time>("yesterday", "last week", "long ago"),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("backfill some") }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("backfill on") }) },
);

// before the watch, no clock of the host is ahead: docs/reference/metrics.md says so
const early = fc.array(
  fc.record({
    status,
    finish: fc.constantFrom<Time>("none", "yesterday", "last week", "long ago", "never"),
    flow,
  }),
  { minLength: 6, maxLength: 6 },
);

const runsBefore = 6;

/** The statement of a step; undefined where the shape has no such thing. */
function statement(what: Step, { hasFinish, hasJobs }: Shape): string | undefined {
  switch (what.do) {
    case "end":
      return hasFinish
        ? `update runs set status = '${what.status}', finished_at = ${times[what.finish]} where id = ${what.id}`
        : `update runs set status = '${what.status}' where id = ${what.id}`;
    case "move":
      return `update runs set flow = '${what.flow}' where id = ${what.id}`;
    case "retime":
      return hasFinish
        ? `update runs set finished_at = ${times[what.finish]} where id = ${what.id}`
        : undefined;
    case "job":
      return hasJobs ? `insert into jobs values (${what.id}, clock_timestamp())` : undefined;
    case "roll up":
      return `select tocsin_internal.roll_up_batch(${what.limit}, clock_timestamp())`;
    case "backfill":
      return hasFinish
        ? `select tocsin.backfill_runs('runs', ${times[what.from]}) where not exists
             (select from tocsin.backfills where state <> 'done')`
        : undefined;
    case "backfill some":
      return `select tocsin_internal.backfill_batch(b, 2, clock_timestamp()) from tocsin.backfills b
              where state = 'running'`;
    case "backfill on":
      return "select tocsin_internal.backfill()";
  }
}

async function check(client: pg.Client, when: string): Promise<void> {
  const { rows: differences } = await client.query("select * from tocsin.reconcile('runs')");
  assert.deepEqual(differences, [], `reconcile() ${when}`);
  const { rows } = await client.query(`select
    (select coalesce(sum(success_count + failure_count + canceled_count), 0)::int
     from tocsin.workflow_run_metrics) as total,
    (select sum(success_count + failure_count + canceled_count)::int
     from tocsin.run_metrics_history('2000-01-01Z', now() + interval '1 day', '1 month')) as history,
    (select count(*)::int from tocsin_internal.run_buckets
     -- a run without a finish time is taken back in the minute of its reversal
     where bucket_minutes in (0, 1440) and least(success_count, failed_count, timed_out_count, canceled_count, duration_count) < 0
    ) as negative,
    (select count(*)::int from tocsin.backfills where state = 'failed') as failed_backfills`);
  const [{ total, history, ...bad }] = rows as [Record<string, number>];
  assert.equal(history, total, `history and totals ${when}`);
  assert.deepEqual(bad, { negative: 0, failed_backfills: 0 }, when);
}

async function live(client: pg.Client, shape: Shape, before: unknown[], steps: Step[]) {
  const columns = `id int primary key, flow text default 'a', status text default 'running'
    ${shape.hasStart ? ", started_at timestamptz default clock_timestamp()" : ""}
    ${shape.hasFinish ? ", finished_at timestamptz" : ""}`;
  await client.query(`create table runs (${columns});
    create table jobs (run_id int, failed_at timestamptz, dead_at timestamptz, error text)`);
  for (const [index, run] of (
    before as { status: string; finish: Time; flow: string }[]
  ).entries()) {
    await client.query(`insert into runs (id, flow, status${shape.hasFinish ? ", finished_at" : ""})
      values (${index + 1}, '${run.flow}', '${run.status}'
        ${shape.hasFinish ? `, ${times[run.finish]}` : ""})`);
  }
  const jobs = `"jobs": {"table": "public.jobs", "run_id": "run_id", "failed_at": "failed_at",
    "dead_at": "dead_at", "error": "error"}`;
  await client.query(`select tocsin.watch_runs('runs', p_options =>
    '{"workflow_id": "flow"${shape.hasJobs ? `, ${jobs}` : ""}}')`);
  await client.query(
    `insert into runs (id) select n from generate_series(${runsBefore + 1}, 12) n`,
  );

  let failures = 0;
  for (const [index, what] of steps.entries()) {
    const sql = statement(what, shape);
    if (sql === undefined) continue;
    if (what.do === "end" && failing.includes(what.status)) {
      const { rows } = await client.query<{ status: string }>(
        "select status from runs where id = $1",
        [what.id],
      );
      if (rows[0]?.status !== what.status) failures += 1;
    }
    await client.query(sql);
    await check(client, `after step ${index + 1}, ${what.do}`);
  }
  await client.query("select tocsin_internal.roll_up()");
  await check(client, "when all is rolled up");
  if (!shape.hasJobs) {
    const { rows } = await client.query<{ n: number }>(
      "select count(*)::int as n from pgmq.q_tocsin_failures",
    );
    assert.equal(rows[0]?.n, failures, "each failure is told once, and nothing else is");
  }
}

for (const [name, shape] of Object.entries(shapes)) {
  test(`the counters equal ${name}, whatever happens`, async () => {
    const db = await server.clone();
    const client = await db.connect();
    await client.query("set search_path = public");
    await fc.assert(
      fc.asyncProperty(
        early,
        fc.array(step, { minLength: 5, maxLength: 30, size: "max" }),
        async (before, steps) => {
          await client.query("begin");
          try {
            await live(client, shape, before, steps);
          } finally {
            await client.query("rollback");
          }
        },
      ),
      { numRuns: shape.tries },
    );
  });
}
