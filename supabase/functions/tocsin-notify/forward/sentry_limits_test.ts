import assert from "node:assert/strict";
import { parseRateLimits, pauseOf } from "./sentry_limits.ts";

const cases: [string, number | undefined][] = [
  ["60:error:organization", 60_000],
  ["60::organization", 60_000],
  ["60", 60_000],
  ["60:transaction:key", undefined],
  ["60:transaction:key, 2700:default;error;security:organization:quota", 2_700_000],
  ["10:error:key,20:default:key", 20_000],
  ["1.5:error:key", 1_500],
  ["60:metric_bucket:organization:quota:custom;transactions", undefined],
  ["soon:error:key", undefined],
  ["-5:error:key", undefined],
  ["", undefined],
];

for (const [header, expected] of cases) {
  Deno.test(`X-Sentry-Rate-Limits: ${header}`, () => {
    assert.equal(parseRateLimits(header), expected);
  });
}

Deno.test("Retry-After counts where Sentry's own header is not there", () => {
  const now = new Date("2026-11-21T10:00:00Z");
  const headers = (entries: Record<string, string>) => new Map(Object.entries(entries));
  assert.equal(pauseOf(429, headers({ "retry-after": "90" }), now), 90_000);
  const date = { "retry-after": "Sat, 21 Nov 2026 10:02:00 GMT" };
  assert.equal(pauseOf(503, headers(date), now), 120_000);
  assert.equal(pauseOf(200, headers({ "retry-after": "90" }), now), undefined);
  const both = { "retry-after": "90", "x-sentry-rate-limits": "30:error:key" };
  assert.equal(pauseOf(429, headers(both), now), 30_000);
  assert.equal(pauseOf(200, headers({ "x-sentry-rate-limits": "30:error:key" }), now), 30_000);
});
