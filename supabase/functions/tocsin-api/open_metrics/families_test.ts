import assert from "node:assert/strict";
import { snapshot } from "../testing/fixtures.ts";
import { durationBounds, familiesOf } from "./families.ts";
import { formatMetrics } from "./format.ts";

const told = (overrides = {}, withDurations = true) =>
  [...formatMetrics(familiesOf(snapshot(overrides), withDurations), "openmetrics")].join("");

Deno.test("each outcome of a workflow is told, and none of them twice", () => {
  const id = 'source_id="runs",project_id="shop",workflow_id="import"';
  assert.deepEqual(told().match(/^tocsin_runs\{.*$/gm), [
    `tocsin_runs{${id},outcome="succeeded"} 7`,
    `tocsin_runs{${id},outcome="failed"} 2`,
    `tocsin_runs{${id},outcome="timed_out"} 1`,
    `tocsin_runs{${id},outcome="canceled"} 0`,
  ]);
});

Deno.test("durations come in few buckets, each with all that are shorter", () => {
  const buckets = told().match(/^tocsin_run_duration_seconds_bucket\{.*$/gm) ?? [];
  assert.equal(buckets.length, durationBounds.length + 1);
  const upTo = Object.fromEntries(
    buckets.map((line) => [/le="(.*)"/.exec(line)?.[1], Number(line.split(" ").at(-1))]),
  );
  assert.deepEqual(
    [upTo["1.0"], upTo["5.0"], upTo["15.0"], upTo["86400.0"], upTo["+Inf"]],
    [0, 4, 10, 10, 10],
  );
  assert.match(told(), /^tocsin_run_duration_seconds_gcount\{.*\} 10$/m);
  assert.match(told(), /^tocsin_run_duration_seconds_gsum\{.*\} 12.5$/m);
  assert.doesNotMatch(told({}, false), /duration_seconds_(bucket|gcount|gsum)/);
});

Deno.test("a bin beyond every bound is in the last bucket, one that was emptied in none", () => {
  const text = told({
    workflows: [["runs", "", "", 1, 0, 0, 0, 1e6, [300, 5, 6], [2, -1, 0]]],
    bin_seconds: { "300": 1e6, "5": 0.01, "6": 0.02 },
  });
  assert.match(text, /le="86400.0"\} 0$/m);
  assert.match(text, /le="\+Inf"\} 2$/m);
  assert.match(text, /_gcount\{.*\} 2$/m);
});

Deno.test("Tocsin itself is told of, and what never ran has no time", () => {
  const lines = told().split("\n");
  for (const line of [
    'tocsin_build_info{version="0.1.0",function_version="0.1.0"} 1',
    "tocsin_workflows_left_out 0",
    "tocsin_pending_outcomes 3",
    "tocsin_outcomes_set_aside 0",
    'tocsin_queue_messages{queue="tocsin_failures_dlq"} 1',
    'tocsin_deliveries{state="delivered"} 5',
    'tocsin_stage_last_run_timestamp_seconds{stage="roll_up"} 1795251731.5',
    'tocsin_stage_last_duration_seconds{stage="roll_up"} 0.25',
    'tocsin_stage_faults{stage="ingest"} 2',
    "# HELP tocsin_self_heart_age_seconds Since the last beat.",
    "tocsin_self_heart_age_seconds 2.5",
    'tocsin_self_backlog{of="failures"} 3',
  ]) {
    assert.ok(lines.includes(line), line);
  }
  assert.doesNotMatch(told(), /last_run_timestamp_seconds\{stage="ingest"/);
});
