// Workflows: how each fared in a range, and all of them together.

import * as z from "zod/mini";
import { timeZone } from "../format.ts";
import { bucketOf, spanOf } from "../range.ts";
import { call } from "./client.ts";

export const sums = z.object({
  run_count: z.number(),
  success_count: z.number(),
  failure_count: z.number(),
  timed_out_count: z.number(),
  canceled_count: z.number(),
  success_rate: z.nullable(z.number()),
  duration_ms_avg: z.nullable(z.number()),
  workflow_count: z.number(),
  failing_count: z.number(),
});
export type Sums = z.infer<typeof sums>;

const workflow = z.object({
  source_id: z.string(),
  project_id: z.string(),
  workflow_id: z.string(),
  name: z.nullable(z.string()),
  run_count: z.number(),
  success_count: z.number(),
  failure_count: z.number(),
  timed_out_count: z.number(),
  canceled_count: z.number(),
  success_rate: z.nullable(z.number()),
  duration_ms_avg: z.nullable(z.number()),
  run_count_before: z.number(),
  success_rate_change: z.nullable(z.number()),
  direction: z.enum(["better", "worse", "same", "new"]),
  last_updated: z.string(),
  // Thousands of numbers: that it is a list is looked at, its bars are not.
  trend: z.nullable(z.custom<[number, number, number][]>(Array.isArray)),
});
export type Workflow = z.infer<typeof workflow>;

const answer = z.object({
  slot_count: z.number(),
  workflow_count: z.number(),
  workflows: z.array(workflow),
  now: z.nullable(sums),
  before: z.nullable(sums),
});
export type Workflows = z.infer<typeof answer>;

/** As many bars as a sparkline has room for. */
const bars = 30;

export function readWorkflows(
  key: { range: string; project: string | null },
  signal?: AbortSignal,
): Promise<Workflows> {
  const { from, to } = spanOf(key.range);
  return call(
    "dashboard_workflows",
    {
      p_from: from.toISOString(),
      p_to: to.toISOString(),
      p_bucket: bucketOf(key.range, bars),
      p_project_id: key.project,
      p_time_zone: timeZone,
    },
    answer,
    signal,
  );
}

/** The bars of a trend, gaps as zeros. */
export function barsOf(
  { trend }: Pick<Workflow, "trend">,
  slots: number,
): { good: number[]; bad: number[] } {
  const good = Array<number>(slots).fill(0);
  const bad = Array<number>(slots).fill(0);
  for (const [slot, succeeded, failed] of trend ?? []) {
    good[slot] = succeeded;
    bad[slot] = failed;
  }
  return { good, bad };
}
