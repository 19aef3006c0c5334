// The histogram of durations: adding histograms up is counting all at once, in any order and any
// split, taking back what was added leaves nothing, and no percentile is more than 5 % off.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import fc from "fast-check";
import type pg from "pg";
import { startTestDatabase } from "../dev/test/database.ts";

const server = await startTestDatabase();
after(() => server.stop());

/** Milliseconds to the microsecond, as Postgres has them: 1 ms to a month, evenly by length. */
const duration = fc
  .double({ min: 0, max: Math.log(30 * 86_400_000), noNaN: true })
  .map((power) => Math.round(Math.exp(power) * 1000) / 1000);
/** Also what no clock should say: nothing at all, and next to nothing. */
const anyDuration = fc.oneof(
  { weight: 9, arbitrary: duration },
  fc.constantFrom(0, 0.001, 0.999, 1),
);
/** In a transaction that leaves nothing. */
async function inVain<Result>(client: pg.Client, work: () => Promise<Result>): Promise<Result> {
  await client.query("begin");
  try {
    return await work();
  } finally {
    await client.query("rollback");
  }
}

/** The nearest rank: the smallest of them that this share of all does not exceed. */
function exactPercentile(sorted: number[], hundredths: number): number {
  const rank = Math.max(1, Math.ceil((hundredths * sorted.length) / 100));
  return sorted[rank - 1] ?? Number.NaN;
}

function assertWithinFivePercent(shown: number | undefined, exact: number, what: string): void {
  const off = Math.abs((shown ?? Number.NaN) - exact);
  assert.ok(off <= 0.05 * exact, `${what}: shows ${shown}, is ${exact}`);
}

test("percentiles are at most 5 % off, from a millisecond to a month", async () => {
  const db = await server.clone();
  const client = await db.connect();
  const shares = [0, 1, 5, 25, 50, 75, 90, 95, 99, 100];
  await fc.assert(
    fc.asyncProperty(
      fc.array(duration, { minLength: 1, maxLength: 500, size: "max" }),
      async (took) => {
        const { rows } = await client.query<{ shown: number }>(
          `with h as (
             select array_agg(bin) as bins, array_agg(n) as counts from (
               select tocsin_internal.duration_bin(ms)::int as bin, count(*) as n
               from unnest($1::float8[]) as ms group by 1) as b
           )
           select tocsin_internal.percentile_of_bins(bins, counts, share / 100.0) as shown
           from h, unnest($2::int[]) with ordinality as s (share, place) order by place`,
          [took, shares],
        );
        const sorted = took.toSorted((a, b) => a - b);
        for (const [index, share] of shares.entries()) {
          assertWithinFivePercent(rows[index]?.shown, exactPercentile(sorted, share), `p${share}`);
        }
      },
    ),
    { numRuns: 150 },
  );
  await db.drop();
});

type Run = { ms: number; batch: number; isTakenBack: boolean; outcome: string };
const run: fc.Arbitrary<Run> = fc.record({
  ms: anyDuration,
  batch: fc.integer({ min: 0, max: 5 }),
  isTakenBack: fc.boolean(),
  outcome: fc.constantFrom("succeeded", "failed", "timed_out", "canceled"),
});

/** Counts runs that ended at noon; sign -1 takes them back. */
async function count(
  client: pg.Client,
  runs: Run[],
  sign: number,
  workflow: string,
): Promise<void> {
  await client.query(
    `select tocsin_internal.count_outcomes(array_agg(row(place, 's', place, 'p', $4::text, outcome,
       $3, null, null, timestamptz '2026-03-04 12:00Z' - ms * interval '1 millisecond',
       '2026-03-04 12:00Z', '2026-03-04 12:00Z')::tocsin_internal.run_outcomes),
       '2026-03-04 12:00Z')
     from unnest($1::float8[], $2::text[]) with ordinality as r (ms, outcome, place)`,
    [runs.map(({ ms }) => ms), runs.map(({ outcome }) => outcome), sign, workflow],
  );
}

type Bucket = { histogram: { bin: number; n: number }[] | null; duration_count: string };
const buckets = `select bucket_minutes, bucket_at, success_count, failed_count, timed_out_count,
    canceled_count, duration_count, round(duration_ms_sum::numeric, 1) + 0.0 as duration_ms_sum,
    (select json_agg(h order by bin) from unnest(duration_bins, duration_bin_counts) as h (bin, n))
      as histogram
  from tocsin_internal.run_buckets where workflow_id = $1 order by bucket_minutes, bucket_at`;

test("any split of runs, some taken back, leaves what the others leave at once", async () => {
  const db = await server.clone();
  const client = await db.connect();
  await fc.assert(
    fc.asyncProperty(
      fc.array(run, { minLength: 10, maxLength: 100, size: "max" }),
      async (runs) => {
        await inVain(client, async () => {
          for (let batch = 0; batch <= 5; batch++) {
            await count(
              client,
              runs.filter((one) => one.batch === batch),
              1,
              "split",
            );
          }
          for (let batch = 0; batch <= 5; batch++) {
            const back = runs.filter((one) => one.batch === batch && one.isTakenBack);
            await count(client, back, -1, "split");
          }
          const kept = runs.filter((one) => !one.isTakenBack);
          await count(client, kept, 1, "at once");
          const { rows: split } = await client.query<Bucket>(buckets, ["split"]);
          const { rows: atOnce } = await client.query<Bucket>(buckets, ["at once"]);
          if (kept.length > 0) assert.deepEqual(split, atOnce);
          else
            assert.ok(split.every((row) => row.histogram === null && row.duration_count === "0"));
          if (kept.length === runs.length) {
            const { rows } = await client.query(`select distinct duration_ms_min, duration_ms_max
              from tocsin_internal.run_buckets`);
            assert.equal(rows.length, 1, "the shortest and the longest are the same in both");
          }
        });
      },
    ),
    { numRuns: 60 },
  );
  await db.drop();
});

type Shown = Record<"n" | "least" | "most" | "mean" | "p50" | "p95" | "p99", number>;

test("history shows the percentiles of what is pending, counted and some of each", async () => {
  const db = await server.clone();
  const client = await db.connect();
  await fc.assert(
    fc.asyncProperty(
      fc.array(duration, { minLength: 1, maxLength: 150, size: "max" }),
      fc.integer({ min: 0, max: 150 }),
      async (took, counted) => {
        await inVain(client, async () => {
          await client.query(
            `insert into tocsin_internal.run_outcomes (source_id, run_id, project_id, workflow_id,
               outcome, sign, started_at, finished_at, captured_at)
             select 's', place, 'p', 'w', 'succeeded', 1,
               timestamptz '2026-03-04 12:00Z' - ms * interval '1 millisecond',
               '2026-03-04 12:00Z', '2026-03-04 12:00Z'
             from unnest($1::float8[]) with ordinality as r (ms, place)`,
            [took],
          );
          if (counted > 0) {
            await client.query("select tocsin_internal.roll_up_batch($1, '2026-03-04 12:00Z')", [
              counted,
            ]);
          }
          const { rows } = await client.query<Shown>(
            `select duration_count::int as n, duration_ms_min as least, duration_ms_max as most,
               duration_ms_avg as mean, duration_ms_p50 as p50, duration_ms_p95 as p95,
               duration_ms_p99 as p99
             from tocsin.run_metrics_history('2026-03-04 12:00Z', '2026-03-04 12:01Z', '1 minute',
               p_now => '2026-03-04 12:00Z')`,
          );
          const [shown] = rows;
          const sorted = took.toSorted((a, b) => a - b);
          assert.equal(shown?.n, took.length);
          assert.equal(shown.least, sorted[0]);
          assert.equal(shown.most, sorted.at(-1));
          const mean = took.reduce((sum, ms) => sum + ms, 0) / took.length;
          assert.ok(Math.abs(shown.mean - mean) <= 1e-6 * mean, "the mean");
          assertWithinFivePercent(shown.p50, exactPercentile(sorted, 50), "p50");
          assertWithinFivePercent(shown.p95, exactPercentile(sorted, 95), "p95");
          assertWithinFivePercent(shown.p99, exactPercentile(sorted, 99), "p99");
        });
      },
    ),
    { numRuns: 60 },
  );
  await db.drop();
});
