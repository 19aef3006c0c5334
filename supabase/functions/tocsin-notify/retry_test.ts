import assert from "node:assert/strict";
import { longestWaitMs, maxAttempts, parseRetryAfter, waitAfter, waits } from "./retry.ts";

const middle = () => 0.5;
const lowest = () => 0;
const highest = () => 1 - Number.EPSILON;
const hour = 3_600_000;

Deno.test("the waits grow from 5 seconds to 10 hours, 29 hours in all", () => {
  const planned = waits.map((_, index) => waitAfter(index + 1, middle));
  assert.deepEqual(planned, [
    5_000,
    30_000,
    120_000,
    600_000,
    1_800_000,
    2 * hour,
    6 * hour,
    10 * hour,
    10 * hour,
  ]);
  assert.equal(Math.round(waits.reduce((sum, wait) => sum + wait, 0) / hour), 29);
});

Deno.test("after the tenth attempt there is no further one", () => {
  assert.equal(maxAttempts, 10);
  assert.equal(waitAfter(10, middle), undefined);
  assert.equal(waitAfter(11, middle), undefined);
  assert.equal(waitAfter(10, middle, { retryAfterMs: 1_000 }), undefined);
});

Deno.test("each wait is spread by a fifth either way", () => {
  assert.equal(waitAfter(1, lowest), 4_000);
  assert.equal(waitAfter(1, highest), 6_000);
  assert.equal(waitAfter(9, lowest), 8 * hour);
  assert.equal(waitAfter(9, highest), 12 * hour);
});

Deno.test("what a receiver asks for is never cut short, and never shortens the plan", () => {
  for (const random of [lowest, middle, highest]) {
    assert.ok((waitAfter(1, random, { retryAfterMs: 60_000 }) ?? 0) >= 60_000);
    assert.ok((waitAfter(1, random, { retryAfterMs: 60_000 }) ?? 0) <= 72_000);
    assert.equal(waitAfter(4, random, { retryAfterMs: 1_000 }), waitAfter(4, random));
  }
});

Deno.test("nobody can put it off for more than a day", () => {
  assert.equal(waitAfter(1, lowest, { retryAfterMs: 72 * hour }), longestWaitMs);
});

Deno.test("an overrun receiver is left alone for a minute at least", () => {
  assert.equal(waitAfter(1, lowest, { overloaded: true }), 60_000);
  assert.equal(waitAfter(5, middle, { overloaded: true }), 1_800_000);
});

Deno.test("Retry-After is read as seconds and as a date", () => {
  const now = new Date("2026-11-21T09:00:00Z");
  assert.equal(parseRetryAfter("120", now), 120_000);
  assert.equal(parseRetryAfter(" 0 ", now), 0);
  assert.equal(parseRetryAfter("Sat, 21 Nov 2026 09:01:30 GMT", now), 90_000);
  assert.equal(parseRetryAfter("Sat, 21 Nov 2026 08:00:00 GMT", now), 0, "past means now");
  for (const odd of ["", "-5", "soon", "5 minutes", "Sunday", null, undefined]) {
    assert.equal(parseRetryAfter(odd, now), undefined, String(odd));
  }
});
