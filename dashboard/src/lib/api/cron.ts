// Cron jobs and webhooks of the platform: pg_cron and pg_net. For operators.

import * as z from "zod/mini";
import { session } from "../session.svelte.ts";
import { orAbsent, read } from "./client.ts";

const maybe = z.nullable(z.number());
const text = z.nullable(z.string());

const job = z.object({
  job_id: z.number(),
  job_name: z.string(),
  schedule: z.string(),
  is_active: z.boolean(),
  status: z.enum(["healthy", "failing", "missed", "running", "paused", "new", "unknown"]),
  reason: text,
  last_started_at: text,
  last_finished_at: text,
  last_status: text,
  last_message: text,
  last_duration_ms: maybe,
  duration_p50_ms: maybe,
  duration_p95_ms: maybe,
  failures_in_row: maybe,
  next_due_at: text,
  missed_since: text,
  missed_count: maybe,
  run_count_24h: maybe,
  failure_count_24h: maybe,
});
export type CronJob = z.infer<typeof job>;

const webhook = z.object({
  webhook_id: z.string(),
  kind: z.string(),
  name: z.string(),
  table_name: text,
  method: text,
  url: text,
  status: z.enum(["healthy", "failing", "idle"]),
  reason: text,
  request_count_1h: maybe,
  failure_count_1h: maybe,
  failure_rate_1h: maybe,
  last_success_at: text,
  last_failure_at: text,
  last_status_code: maybe,
  last_error: text,
});
export type Webhook = z.infer<typeof webhook>;

const part = z.object({
  part: z.string(),
  version: text,
  status: z.enum(["ok", "warn", "fail", "absent"]),
  reason: text,
  waiting_count: maybe,
  oldest_wait_seconds: maybe,
});
export type PlatformPart = z.infer<typeof part>;

/** Null: this installation does not watch them yet. */
export function readJobs(): Promise<CronJob[] | null> {
  const query = session.client.from("cron_health").select().order("job_name").limit(1000);
  return orAbsent(read(query, z.array(job)));
}

export function readWebhooks(): Promise<Webhook[] | null> {
  const query = session.client.from("webhook_health").select().order("name").limit(1000);
  return orAbsent(read(query, z.array(webhook)));
}

export function readPlatform(): Promise<PlatformPart[] | null> {
  const query = session.client.from("platform_health").select().limit(100);
  return orAbsent(read(query, z.array(part)));
}
