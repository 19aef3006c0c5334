// Queues: how each fares now, how it fared, and its dead letters. Null is unknown, never none.

import * as z from "zod/mini";
import { session } from "../session.svelte.ts";
import { bucketLength, bucketOf, spanOf } from "../range.ts";
import { call, orAbsent, read } from "./client.ts";

const maybe = z.nullable(z.number());
const status = z.enum(["healthy", "idle", "slow", "backing_up", "stalled"]);
export type QueueStatus = z.infer<typeof status>;

const queue = z.object({
  kind: z.string(),
  queue_name: z.string(),
  project_id: z.string(),
  status,
  reason: z.nullable(z.string()),
  sampled_at: z.string(),
  age_seconds: maybe,
  ready_count: maybe,
  delayed_count: maybe,
  in_flight_count: maybe,
  is_capped: z.nullable(z.boolean()),
  estimated_length: maybe,
  oldest_age_seconds: maybe,
  enqueued_per_second: maybe,
  finished_per_second: maybe,
  wait_p50_seconds: maybe,
  wait_p95_seconds: maybe,
  wait_p99_seconds: maybe,
  processing_p50_seconds: maybe,
  processing_p95_seconds: maybe,
  processing_p99_seconds: maybe,
  retry_share: maybe,
  error_rate: maybe,
  poison_count: maybe,
  dead_letter_queue: z.nullable(z.string()),
  dead_letter_count: maybe,
  is_dead_letter_queue: z.nullable(z.boolean()),
  last_read_at: z.nullable(z.string()),
  drain_seconds: maybe,
  unknown: z.nullable(z.array(z.string())),
  unknown_because: z.nullable(z.string()),
});
export type Queue = z.infer<typeof queue>;

/** Null: this installation does not watch queues yet. */
export async function readQueues(key: { project: string | null }): Promise<Queue[] | null> {
  const query = session.client.from("queue_health").select().order("queue_name").limit(1000);
  const all = await orAbsent(read(query, z.array(queue)));
  if (all === null || key.project === null) return all;
  return all.filter(({ project_id }) => project_id === key.project);
}

const point = z.object({
  kind: z.string(),
  queue_name: z.string(),
  bucket_at: z.string(),
  ready_count_max: maybe,
  in_flight_count_max: maybe,
  delayed_count_max: maybe,
  oldest_age_seconds_max: maybe,
  enqueued_count: maybe,
  finished_count: maybe,
  failed_count: maybe,
  enqueued_per_second: maybe,
  finished_per_second: maybe,
  wait_p50_seconds: maybe,
  wait_p95_seconds: maybe,
  wait_p99_seconds: maybe,
  processing_p50_seconds: maybe,
  processing_p95_seconds: maybe,
  processing_p99_seconds: maybe,
  retry_share: maybe,
  error_rate: maybe,
  dead_letter_count_max: maybe,
  worst_status: z.nullable(status),
});
export type QueuePoint = z.infer<typeof point>;
export type QueueHistory = { points: QueuePoint[]; times: Date[]; bucketMs: number };

export type QueueHistoryKey = {
  range: string;
  /** At most so many points. */
  most: number;
  project?: string | null;
  queue?: string;
  kind?: string;
};

/** Of one queue or of all; times without a sample have no point. */
export async function readQueueHistory(
  key: QueueHistoryKey,
  signal?: AbortSignal,
): Promise<QueueHistory | null> {
  const { from, to } = spanOf(key.range);
  const name = bucketOf(key.range, key.most);
  const week = 7 * 86_400_000;
  // What is older than a week is kept by the hour.
  const isOld = from.getTime() < Date.now() - week;
  const hour = 3_600_000;
  const bucketMs = isOld ? Math.max(hour, bucketLength(name)) : bucketLength(name);
  const points = await orAbsent(
    call(
      "queue_metrics_history",
      {
        p_from: from.toISOString(),
        p_to: to.toISOString(),
        p_bucket: bucketMs === bucketLength(name) ? name : "1 hour",
        p_queue_name: key.queue ?? null,
        p_kind: key.kind ?? null,
        p_project_id: key.project ?? null,
      },
      z.array(point),
      signal,
    ),
  );
  if (points === null) return null;
  const known = points[0] ? Date.parse(points[0].bucket_at) : from.getTime();
  const first = known - Math.floor((known - from.getTime()) / bucketMs) * bucketMs;
  const times: Date[] = [];
  for (let at = first; at <= to.getTime(); at += bucketMs) times.push(new Date(at));
  return { points, times, bucketMs };
}

/** One figure of one queue along the times of a history. */
export function along(
  { points, times }: QueueHistory,
  of: (point: QueuePoint) => number | null,
  queue?: { queue_name: string; kind: string },
): (number | null)[] {
  const found = new Map(
    points
      .filter((one) => !queue || (one.queue_name === queue.queue_name && one.kind === queue.kind))
      .map((one) => [Date.parse(one.bucket_at), of(one)]),
  );
  return times.map((time) => found.get(time.getTime()) ?? null);
}

const letter = z.object({
  msg_id: z.number(),
  dead_letter_queue: z.string(),
  enqueued_at: z.string(),
  read_count: maybe,
  size_bytes: maybe,
  error: z.nullable(z.string()),
  preview: z.nullable(z.string()),
});
export type DeadLetter = z.infer<typeof letter>;

type Letters = { queue: string; kind: string };

export const lettersPerPage = 50;

/** The newest, or those before one; for operators. */
export function readDeadLetters(
  { queue, kind, before }: Letters & { before: number | null },
  signal?: AbortSignal,
): Promise<DeadLetter[]> {
  return call(
    "list_dead_letters",
    { p_queue_name: queue, p_kind: kind, p_limit: lettersPerPage, p_before: before },
    z.array(letter),
    signal,
  );
}

export function inspectDeadLetter({ queue, kind }: Letters, id: number): Promise<unknown> {
  return call(
    "inspect_dead_letter",
    { p_queue_name: queue, p_msg_id: id, p_kind: kind },
    z.unknown(),
  );
}

export function replayDeadLetters({ queue, kind }: Letters, ids: number[]): Promise<number> {
  return call(
    "replay_dead_letters",
    { p_queue_name: queue, p_msg_ids: ids, p_kind: kind },
    z.number(),
  );
}

export function dropDeadLetters({ queue, kind }: Letters, ids: number[]): Promise<number> {
  return call(
    "drop_dead_letters",
    { p_queue_name: queue, p_msg_ids: ids, p_kind: kind },
    z.number(),
  );
}
