// How runs ended over time.

import * as z from "zod/mini";
import { bucketLength, bucketOf, spanOf } from "../range.ts";
import { timeZone } from "../format.ts";
import { call } from "./client.ts";

const bucket = z.object({
  bucket_at: z.string(),
  success_count: z.number(),
  failure_count: z.number(),
  timed_out_count: z.number(),
  canceled_count: z.number(),
  success_rate: z.nullable(z.number()),
  duration_ms_p50: z.nullable(z.number()),
  duration_ms_p95: z.nullable(z.number()),
  duration_ms_p99: z.nullable(z.number()),
});
export type Bucket = z.infer<typeof bucket>;

export type HistoryKey = {
  range: string;
  project: string | null;
  workflow?: string;
  source?: string | null;
};
export type History = { buckets: Bucket[]; bucketMs: number };

/** Bars that can still be told from each other. */
export function mostBuckets(): number {
  return innerWidth < 600 ? 50 : 100;
}

/** The runs of a range, bucket by bucket, gaps as zeros. */
export async function readHistory(key: HistoryKey, signal?: AbortSignal): Promise<History> {
  const { from, to } = spanOf(key.range);
  const p_bucket = bucketOf(key.range, mostBuckets());
  const buckets = await call(
    "run_metrics_history",
    {
      p_from: from.toISOString(),
      p_to: to.toISOString(),
      p_bucket,
      p_project_id: key.project,
      p_workflow_id: key.workflow ?? null,
      p_source_id: key.source ?? null,
      p_time_zone: timeZone,
    },
    z.array(bucket),
    signal,
  );
  return { buckets, bucketMs: bucketLength(p_bucket) };
}
