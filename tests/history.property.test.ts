// History over time-zone changes: whatever the range and the bucket, its rows tile the time without
// gap or overlap, begin where the caller's own days begin, and each counts what ended in it.
//
// What is expected is computed here, from nothing but what Intl says a clock shows at an instant.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import fc from "fast-check";
import type pg from "pg";
import { startTestDatabase } from "../dev/test/database.ts";

const server = await startTestDatabase();
after(() => server.stop());

const minute = 60_000;
const day = 1440 * minute;

/** Zones, and an instant at which their clocks or their calendar changed. */
const changes = [
  ["Europe/Berlin", "2024-10-27T01:00Z"],
  ["America/New_York", "2024-03-10T07:00Z"],
  // by half an hour
  ["Australia/Lord_Howe", "2024-04-06T15:00Z"],
  ["Australia/Lord_Howe", "2024-10-05T15:30Z"],
  // at midnight: there is none, or the day before is longer
  ["America/Asuncion", "2023-10-01T04:00Z"],
  ["America/Asuncion", "2024-03-24T03:00Z"],
  ["Africa/Cairo", "2024-04-25T22:00Z"],
  ["Africa/Cairo", "2024-10-31T21:00Z"],
  ["Asia/Beirut", "2021-03-27T22:00Z"],
  ["Asia/Beirut", "2021-10-30T21:00Z"],
  // back to midnight: there are two
  ["America/Havana", "2023-11-05T05:00Z"],
  ["Atlantic/Azores", "2024-10-27T01:00Z"],
  ["Antarctica/Casey", "2023-03-08T16:00Z"],
  // back over midnight: it is the day before once more
  ["America/St_Johns", "2010-11-07T02:31Z"],
  ["Antarctica/Casey", "2010-03-04T15:00Z"],
  // two hours
  ["Antarctica/Troll", "2024-03-31T01:00Z"],
  // to another offset for good
  ["America/Caracas", "2016-05-01T07:00Z"],
  ["Asia/Pyongyang", "2015-08-14T15:00Z"],
  ["Asia/Magadan", "2014-10-25T14:00Z"],
  // to the other side of the date line: a day that never was
  ["Pacific/Apia", "2011-12-30T10:00Z"],
  ["Pacific/Fakaofo", "2011-12-30T11:00Z"],
  // quarters of an hour, and none at all
  ["Pacific/Chatham", "2024-04-06T14:00Z"],
  ["Asia/Kathmandu", "2024-01-01T00:00Z"],
  ["UTC", "2024-01-01T00:00Z"],
] as const;

// What clocks show -------------------------------------------------------------------------------

const formats = new Map<string, Intl.DateTimeFormat>();

/** What a clock there shows, as if it were UTC. */
function clock(zone: string, at: number): number {
  let format = formats.get(zone);
  if (!format) {
    const two = "2-digit";
    format = new Intl.DateTimeFormat("en-CA", {
      ...{ timeZone: zone, hourCycle: "h23", year: "numeric", month: two, day: two },
      ...{ hour: two, minute: two, second: two },
    });
    formats.set(zone, format);
  }
  const shown: Partial<Record<string, number>> = {};
  for (const { type, value } of format.formatToParts(at)) shown[type] = Number(value);
  const { year = 0, month = 0, day: date, hour, minute: minutes, second } = shown;
  return Date.UTC(year, month - 1, date, hour, minutes, second) + (at % 1000);
}

const starts = new Map<string, number>();

/** The first instant at which a clock there shows this day or a later one. */
function startOfDay(zone: string, midnight: number): number {
  const key = `${zone} ${midnight}`;
  let at = starts.get(key);
  if (at === undefined) {
    at = midnight - 30 * 60 * minute;
    while (clock(zone, at) < midnight) at += 15 * minute;
    starts.set(key, at);
  }
  return at;
}

// What history is to show ------------------------------------------------------------------------

const granularities = [
  [1, 2],
  [5, 35],
  [15, 180],
  [1440, Infinity],
] as const;

const floor = (value: number, step: number, origin = 0): number =>
  origin + Math.floor((value - origin) / step) * step;

/** The longest bucket, of those kept since then, that divides what is wanted; else the shortest. */
function readable(since: number, wanted: number, now: number): number {
  const kept = granularities.filter(([, days]) => since >= now - days * day).map(([m]) => m);
  return kept.findLast((minutes) => wanted % minutes === 0) ?? Math.min(...kept);
}

type Wish = { from: number; to: number; bucket: string; zone: string; now: number };

/** The first midnight of the calendar's bucket that holds a day, and of the next one. */
function calendar(bucket: string, midnight: number): [number, number] {
  const date = new Date(midnight);
  if (bucket === "1 day") return [midnight, midnight + day];
  if (bucket === "7 days") {
    const monday = midnight - ((date.getUTCDay() + 6) % 7) * day;
    return [monday, monday + 7 * day];
  }
  const [year, month] = [date.getUTCFullYear(), date.getUTCMonth()];
  return [Date.UTC(year, month), Date.UTC(year, month + 1)];
}

function* calendarRows(wish: Wish, bucket: string, zone: string): Generator<[number, number]> {
  let [first, next] = calendar(bucket, floor(clock(zone, wish.from), day));
  while (startOfDay(zone, first) < wish.to) {
    const [begins, ends] = [startOfDay(zone, first), startOfDay(zone, next)];
    if (begins < ends && ends > wish.from) yield [begins, ends];
    [first, next] = calendar(bucket, next);
  }
}

function* evenRows(from: number, to: number, step: number): Generator<[number, number]> {
  for (let begins = from; begins < to; begins += step) yield [begins, begins + step];
}

/** The rows that history is to have, as [begins, ends). */
function expectedRows(wish: Wish): [number, number][] {
  const { from, to, bucket, zone, now } = wish;
  if (["1 day", "7 days", "1 month"].includes(bucket)) {
    const first = startOfDay(zone, calendar(bucket, floor(clock(zone, from), day))[0]);
    const isLocal = zone === "UTC" || first >= now - 180 * day;
    return [...calendarRows(wish, bucket, isLocal ? zone : "UTC")];
  }
  const wanted = Number(bucket.split(" ")[0]);
  const midnight = startOfDay(zone, floor(clock(zone, from), day));
  for (let step = wanted; ;) {
    const first = floor(from, step * minute, midnight);
    const minutes = readable(first, wanted, now);
    if (minutes === 1440) return [...calendarRows(wish, "1 day", "UTC")];
    if (step % minutes === 0) return [...evenRows(first, to, step * minute)];
    step = minutes;
  }
}

// Any runs, any ranges ---------------------------------------------------------------------------

const bucket = fc.constantFrom(
  ...["1 day", "1 day", "7 days", "1 month"],
  ...[1, 5, 10, 15, 20, 30, 45, 60, 90, 180, 360, 720].map((minutes) => `${minutes} minutes`),
);
const length: Record<string, number> = { "1 day": 1440, "7 days": 10080, "1 month": 43200 };

/** Milliseconds from a change: near it, or long before and after. */
const near = fc.integer({ min: -2 * day, max: 2 * day });
const close = fc.integer({ min: -4 * 60 * minute, max: 4 * 60 * minute });
const around = fc.oneof(
  close,
  near,
  near.map((ms) => floor(ms, 30 * minute)),
  fc.integer({ min: -400 * day, max: 100 * day }),
);

const history = fc.record({
  change: fc.constantFrom(...changes),
  /** How long after the change it is read. */
  later: fc.oneof(
    fc.integer({ min: 0, max: 3 * day }),
    fc.integer({ min: 3 * day, max: 200 * day }),
    // at the edges of what is kept
    fc.constantFrom(2 * day, 35 * day, 180 * day),
  ),
  runs: fc.array(fc.record({ at: around, isPending: fc.boolean() }), {
    ...{ minLength: 30, maxLength: 150, size: "max" },
  }),
  wishes: fc.array(
    fc.record({
      from: around,
      bucket,
      buckets: fc.double({ min: 0.001, max: 40, noNaN: true }),
      /** Where it ends instead, when it begins before. */
      to: fc.option(close),
    }),
    { minLength: 4, maxLength: 12, size: "max" },
  ),
});

/** Appends runs that ended at these instants, and counts those that are not to be pending. */
async function append(client: pg.Client, ended: number[], isPending: boolean, now: number) {
  await client.query(
    `with o as (
       select (place, 's', place, 'p', 'w',
         case place % 2 when 0 then 'failed' else 'succeeded' end, 1, null, null, null,
         to_timestamp(at / 1000.0), to_timestamp($3 / 1000.0))::tocsin_internal.run_outcomes as o
       from unnest($1::float8[]) with ordinality as r (at, place)
     ), pending as (
       insert into tocsin_internal.run_outcomes (source_id, run_id, project_id, workflow_id,
         outcome, sign, finished_at, captured_at)
       select (o).source_id, (o).run_id, (o).project_id, (o).workflow_id, (o).outcome, (o).sign,
         (o).finished_at, (o).captured_at from o where $2
     )
     select tocsin_internal.count_outcomes(array_agg(o), to_timestamp($3 / 1000.0))
     from o where not $2`,
    [ended, isPending, now],
  );
}

type Shown = { at: number; n: number; failed: number };

async function read(client: pg.Client, wish: Wish): Promise<Shown[]> {
  const { rows } = await client.query<Shown>(
    `select extract(epoch from bucket_at)::float8 * 1000 as at, success_count::int as n,
       failure_count::int as failed
     from tocsin.run_metrics_history(to_timestamp($1::float8 / 1000),
       to_timestamp($2::float8 / 1000), $3, p_time_zone => $4,
       p_now => to_timestamp($5::float8 / 1000))`,
    [wish.from, wish.to, wish.bucket, wish.zone, wish.now],
  );
  return rows;
}

test("history tiles any range in any zone, and each row counts what ended in it", async () => {
  const db = await server.clone();
  const client = await db.connect();
  let rowCount = 0;
  await fc.assert(
    fc.asyncProperty(history, async ({ change: [zone, changed], later, runs, wishes }) => {
      const now = Date.parse(changed) + later;
      const ended = runs.map((run) => ({
        ...run,
        at: Math.min(Date.parse(changed) + run.at, now),
      }));
      await client.query("begin");
      try {
        for (const isPending of [true, false]) {
          const which = ended.filter((run) => run.isPending === isPending).map(({ at }) => at);
          await append(client, which, isPending, now);
        }
        for (const { from: offset, bucket, buckets, to: end } of wishes) {
          const from = Date.parse(changed) + offset;
          const minutes = length[bucket] ?? Number(bucket.split(" ")[0]);
          const isNear = end !== null && end > offset && end - offset < 200 * minutes * minute;
          const to = isNear
            ? Date.parse(changed) + end
            : from + Math.ceil(buckets * minutes * minute);
          const wish = { from, to, bucket, zone, now };
          const shown = await read(client, wish);
          const expected = expectedRows(wish);
          const what = JSON.stringify({ ...wish, from: new Date(from), to: new Date(to), changed });
          assert.deepEqual(
            shown.map(({ at }) => new Date(at).toISOString()),
            expected.map(([begins]) => new Date(begins).toISOString()),
            what,
          );
          let last = expected[0]?.[0] ?? Number.NaN;
          assert.ok(last <= from, `it begins with the range: ${what}`);
          for (const [index, [begins, ends]] of expected.entries()) {
            assert.equal(begins, last, "no gap, no overlap");
            const inside = ended.filter(({ at }) => at >= begins && at < ends);
            const row = shown[index] ?? { n: 0, failed: 0 };
            const where = `${new Date(begins).toISOString()} of ${what}`;
            assert.equal(row.n + row.failed, inside.length, where);
            last = ends;
          }
          assert.ok(last >= to, `it ends with the range: ${what}`);
          const all = ended.filter(({ at }) => at >= (shown[0]?.at ?? 0) && at < last);
          assert.equal(
            shown.reduce((sum, row) => sum + row.n + row.failed, 0),
            all.length,
          );
          rowCount += shown.length;
        }
      } finally {
        await client.query("rollback");
      }
    }),
    { numRuns: 200 },
  );
  assert.ok(rowCount > 4000, `only ${rowCount} rows were compared`);
  await db.drop();
});

test("a day begins at its first instant, around every change of every zone", async () => {
  const db = await server.clone();
  const zones = [...new Set(changes.map(([zone]) => zone))];
  for (const zone of zones) {
    const days: string[] = [];
    const expected: string[] = [];
    for (const [, changed] of changes.filter(([name]) => name === zone)) {
      for (let back = -3; back <= 3; back++) {
        const midnight = floor(Date.parse(changed), day) + back * day;
        days.push(new Date(midnight).toISOString().slice(0, 10));
        expected.push(new Date(startOfDay(zone, midnight)).toISOString());
      }
    }
    const rows = await db.sql<{ begins: Date }>(
      `select tocsin_internal.start_of_day(d::timestamp, $2) as begins
       from unnest($1::text[]) with ordinality as t (d, place) order by place`,
      [days, zone],
    );
    const begin = rows.map(({ begins }) => begins.toISOString());
    assert.deepEqual(begin, expected, zone);
  }
  await db.drop();
});
