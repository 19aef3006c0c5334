// Summaries of any range: the same whether its runs are pending or counted, what the runs of the
// range (its ends rounded to the buckets that are kept there) add up to, and beside the range
// before no run twice.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import fc from "fast-check";
import type pg from "pg";
import { startTestDatabase } from "../dev/test/database.ts";

const server = await startTestDatabase();
after(() => server.stop());

const minute = 60_000;
const hour = 60 * minute;
const quarter = 15 * minute;
const day = 24 * hour;
const now = Date.parse("2026-03-04T12:34:56.789Z");

/** Milliseconds before now: mostly lately, and near the edges of what is kept. */
const ago = fc.oneof(
  fc.integer({ min: 0, max: 3 * hour }),
  fc.integer({ min: 0, max: 3 * day }),
  fc.integer({ min: 0, max: 400 * day }),
  fc
    .tuple(fc.constantFrom(2 * day, 35 * day, 180 * day), fc.integer({ min: -hour, max: hour }))
    .map(([edge, off]) => edge + off),
  fc.integer({ min: 0, max: 400 * 24 }).map((hours) => (now % hour) + hours * hour),
);

const summary = fc.record({
  runs: fc.array(fc.record({ ago, isPending: fc.boolean(), flow: fc.constantFrom("a", "b") }), {
    ...{ minLength: 30, maxLength: 150, size: "max" },
  }),
  ranges: fc.array(fc.tuple(ago, ago), { minLength: 5, maxLength: 10, size: "max" }),
});

const kept = [
  [1, 2],
  [5, 35],
  [15, 180],
  [1440, Infinity],
] as const;
const down = (at: number, step: number): number => Math.floor(at / step) * step;
const up = (at: number, step: number): number => Math.ceil(at / step) * step;

/** The shortest bucket of which all are kept that begin at `begin(length)` or later. */
function shortest(begin: (length: number) => number): number {
  const found = kept.find(([length, days]) => begin(length * minute) >= now - days * day);
  return (found?.[0] ?? 1440) * minute;
}

/** The range that is shown for one that is asked for. */
function rounded(from: number, to: number): [number, number] {
  const first = shortest((length) => down(from, length));
  const low = down(from, first);
  if (up(low, day) >= down(to, day)) return [low, up(to, first)];
  // after the whole days quarters, and what is shorter after the last of these
  const last = shortest((length) => down(to, length < quarter ? quarter : day));
  return [low, up(to, last)];
}

type Shown = { flow: string; n: number; before: number };

async function read(client: pg.Client, from: number, to: number): Promise<Shown[]> {
  const { rows } = await client.query<Shown>(
    `select workflow_id as flow, run_count::int as n, run_count_before::int as before
     from tocsin.run_metrics_summary(to_timestamp($1::float8 / 1000),
       to_timestamp($2::float8 / 1000), p_min_runs => 0, p_now => to_timestamp($3::float8 / 1000))
     order by 1`,
    [from, to, now],
  );
  return rows;
}

test("a summary is the same whether its runs are pending or counted", async () => {
  const db = await server.clone();
  const client = await db.connect();
  let shownRuns = 0;
  const at = (ms: number): string => new Date(ms).toISOString();
  await fc.assert(
    fc.asyncProperty(summary, async ({ runs, ranges }) => {
      const ended = runs.map((run) => ({ ...run, at: now - run.ago }));
      await client.query("begin");
      try {
        for (const isPending of [false, true]) {
          const which = ended.filter((run) => run.isPending === isPending);
          await client.query(
            `insert into tocsin_internal.run_outcomes (source_id, run_id, project_id, workflow_id,
               outcome, sign, finished_at, captured_at)
             select 's', place, 'p', flow, 'failed', 1, to_timestamp(at / 1000.0),
               to_timestamp($3 / 1000.0)
             from unnest($1::float8[], $2::text[]) with ordinality as r (at, flow, place)`,
            [which.map((run) => run.at), which.map((run) => run.flow), now],
          );
          if (!isPending) {
            await client.query("select tocsin_internal.roll_up(to_timestamp($1 / 1000.0))", [now]);
          }
        }
        const asked: { from: number; to: number; shown: Shown[] }[] = [];
        for (const [one, other] of ranges) {
          const [from, to] = [now - Math.max(one, other), now - Math.min(one, other) + 1];
          asked.push({ from, to, shown: await read(client, from, to) });
        }
        await client.query("select tocsin_internal.roll_up(to_timestamp($1 / 1000.0))", [now]);
        for (const { from, to, shown } of asked) {
          const [low, high] = rounded(from, to);
          const [lowBefore, highBefore] = rounded(low - (to - from), low);
          // where quarters end and days begin, the day is in both
          const isApart = highBefore === low;
          const counted = await read(client, from, to);
          const compared = (rows: Shown[]) => (isApart ? rows : rows.map(({ n }) => n));
          const what = `${at(from)} to ${at(to)}`;
          assert.deepEqual(compared(shown), compared(counted), `pending and counted, ${what}`);
          for (const flow of ["a", "b"]) {
            const runsOf = (begins: number, ends: number): number =>
              ended.filter((run) => run.flow === flow && run.at >= begins && run.at < ends).length;
            const row = counted.find((one) => one.flow === flow);
            assert.equal(row?.n ?? 0, runsOf(low, high), `${flow}, ${what}`);
            if (row) {
              const before = runsOf(lowBefore, highBefore);
              assert.equal(row.before, before, `${flow} before, ${what}`);
            }
            shownRuns += row?.n ?? 0;
          }
        }
      } finally {
        await client.query("rollback");
      }
    }),
    { numRuns: 100 },
  );
  assert.ok(shownRuns > 1000, `only ${shownRuns} runs were shown`);
  await db.drop();
});
