// How the dashboard writes figures and times, and which spans and buckets its ranges mean.

import assert from "node:assert/strict";
import { test } from "node:test";
import { ago, count, duration, percent, points, span } from "../dashboard/src/lib/format.ts";
import { bucketOf, customRange, parseRange, spanOf } from "../dashboard/src/lib/range.ts";

const now = Date.parse("2026-11-21T12:00:00Z");
const minute = 60_000;

test("what is not all is never rounded to all, nor something to nothing", () => {
  const rates = [1, 0.99999, 0.9955, 0.984, 0.5, 0.004, 0.000001, 0, null];
  assert.deepEqual(rates.map(percent), [
    "100 %",
    "99.99 %",
    "99.55 %",
    "98.4 %",
    "50.0 %",
    "0.40 %",
    "0.01 %",
    "0 %",
    "–",
  ]);
  assert.equal(points(-0.021), "2.1 pp");
  assert.equal(points(0.0002), "< 0.1 pp");
});

test("counts are exact while they are short", () => {
  assert.match(count(9_999), /^9.?999$/);
  assert.match(count(12_345), /^12[.,]3\s?K$/i);
});

test("durations and spans have units, the two largest at most", () => {
  assert.deepEqual(
    [0.4, 250, 1_234, 15_400, 61_000, 3_900_000, 200_000_000].map((ms) => duration(ms)),
    ["< 1 ms", "250 ms", "1.2 s", "15 s", "1 min", "1 h 5 min", "2 d 7 h"],
  );
  assert.equal(span(45_900), "45 s");
  assert.equal(ago(new Date(now - 125 * minute), now), "2 h ago");
  assert.equal(ago(new Date(now + 5 * minute), now), "in 5 min");
});

test("a range is a preset or two instants; anything else is the usual one", () => {
  assert.equal(parseRange(null), "24h");
  assert.equal(parseRange("7d"), "7d");
  assert.equal(parseRange("yesterday"), "24h");
  assert.equal(
    parseRange("2026-11-02T00:00Z..2026-11-01T00:00Z"),
    "24h",
    "it ends before it begins",
  );
  const custom = customRange({ from: new Date(now - minute), to: new Date(now) });
  assert.equal(custom, "2026-11-21T11:59Z..2026-11-21T12:00Z");
  assert.equal(spanOf(custom).to.getTime(), now);
  assert.equal(spanOf("15m", now).from.getTime(), now - 15 * minute);
});

test("buckets are as short as the screen has room for, from 15 minutes to a year", () => {
  const ranges = ["15m", "1h", "6h", "24h", "7d", "30d", "90d", "1y"];
  assert.deepEqual(
    ranges.map((range) => bucketOf(range, 100)),
    ["1 minute", "1 minute", "5 minutes", "15 minutes", "2 hours", "12 hours", "1 day", "7 days"],
  );
  assert.deepEqual(
    ranges.map((range) => bucketOf(range, 30)),
    ["1 minute", "5 minutes", "15 minutes", "1 hour", "6 hours", "1 day", "7 days", "1 month"],
  );
});
