import assert from "node:assert/strict";
import { ApiError } from "./errors.ts";
import {
  bucket,
  instant,
  projectId,
  rangeOf,
  sourceId,
  usualBucket,
  wholeNumber,
} from "./fields.ts";

const now = new Date("2026-11-21T09:02:11.412Z");
const minute = 60_000;

Deno.test("a time is ISO 8601 with its zone, or before now", () => {
  const good: [string, object][] = [
    ["2026-03-04T10:00:00Z", { at: Date.UTC(2026, 2, 4, 10) }],
    ["2026-03-04T10:00:00.25+01:00", { at: Date.UTC(2026, 2, 4, 9, 0, 0, 250) }],
    ["2026-03-04T10:00:00 01:00", { at: Date.UTC(2026, 2, 4, 9) }], // the + of a query
    ["2026-03-04T10:00:00-05:30", { at: Date.UTC(2026, 2, 4, 15, 30) }],
    ["now", { before: 0 }],
    ["-90m", { before: 90 * minute }],
    ["-24h", { before: 24 * 60 * minute }],
    ["-7d", { before: 7 * 24 * 60 * minute }],
    ["-4w", { before: 28 * 24 * 60 * minute }],
  ];
  for (const [text, expected] of good) assert.deepEqual(instant.parse(text), expected, text);
});

Deno.test("what has no zone, is no date, or lies out of all reason is refused", () => {
  const bad = [
    ...["", "yesterday", "2026-03-04", "2026-03-04T10:00:00", "2026-02-30T10:00:00Z", "1795251731"],
    ...["+1h", "1h", "-1y", "-1.5h", "-h", "-123456d", "1969-12-31T23:59:59Z", "infinity"],
    ...["2200-01-01T00:00:00Z", "0000-01-01T00:00:00Z", "+275760-09-13T00:00:00Z"],
  ];
  for (const text of bad) {
    const parsed = instant.safeParse(text);
    assert.equal(parsed.success, false, text);
    assert.match(parsed.error?.issues[0]?.message ?? "", /ISO 8601.*-24h/, text);
  }
});

Deno.test("a range is the last 24 hours by default, and now is the end of the minute", () => {
  const iso = (from?: string, to?: string) => {
    const range = rangeOf(
      now,
      from === undefined ? undefined : instant.parse(from),
      to === undefined ? undefined : instant.parse(to),
    );
    return [range.from.toISOString(), range.to.toISOString()];
  };
  assert.deepEqual(iso(), ["2026-11-20T09:03:00.000Z", "2026-11-21T09:03:00.000Z"]);
  assert.deepEqual(iso("-1h"), ["2026-11-21T08:03:00.000Z", "2026-11-21T09:03:00.000Z"]);
  assert.deepEqual(iso(undefined, "2026-03-04T10:00:00Z"), [
    "2026-03-03T10:00:00.000Z",
    "2026-03-04T10:00:00.000Z",
  ]);
  assert.deepEqual(iso("-2d", "-1d"), ["2026-11-19T09:03:00.000Z", "2026-11-20T09:03:00.000Z"]);
  for (const [from, to] of [["now"], ["2027-01-01T00:00:00Z"], ["-1h", "-2h"]]) {
    assert.throws(
      () => iso(from, to),
      (error) => error instanceof ApiError && error.told.issues?.[0]?.path === "from",
    );
  }
});

Deno.test("the usual bucket is the shortest that a range has no more than 200 of", () => {
  const usual = (hours: number) =>
    usualBucket({ from: new Date(now.getTime() - hours * 60 * minute), to: now });
  const expected: [number, string][] = [
    [1, "1m"],
    [4, "5m"],
    [24, "15m"],
    [7 * 24, "1h"],
    [30 * 24, "6h"],
    [90 * 24, "12h"],
    [180 * 24, "1d"],
    [3 * 365 * 24, "7d"],
    [10 * 365 * 24, "1mo"],
  ];
  for (const [hours, name] of expected) assert.equal(usual(hours), name, `${hours} h`);
});

Deno.test("the other parameters say what they take", () => {
  const number = wholeNumber(1, 200, 50);
  assert.equal(number.parse(undefined), 50);
  assert.equal(number.parse("200"), 200);
  for (const text of ["", "0", "201", "1.5", "1e2", " 1", "0x10", "-1", "9".repeat(20)]) {
    assert.match(number.safeParse(text).error?.issues[0]?.message ?? "", /1 to 200/, text);
  }
  assert.equal(bucket.parse("7d"), "7d");
  assert.match(bucket.safeParse("7 days").error?.issues[0]?.message ?? "", /One of: 1m, .*1mo/);
  assert.equal(sourceId.parse("runs_2"), "runs_2");
  assert.equal(sourceId.safeParse("Runs; drop").success, false);
  assert.equal(projectId.parse(""), "", "the runs that belong to no project");
  assert.equal(projectId.safeParse("a\0b").success, false);
  assert.equal(projectId.safeParse("x".repeat(201)).success, false);
});
