// What is broken now: alerts that fire, and errors that keep coming.

import * as z from "zod/mini";
import { call } from "./client.ts";

export const severity = z.enum(["low", "medium", "high"]);

const told = z.object({
  channel_name: z.string(),
  channel_kind: z.string(),
  state: z.enum(["pending", "delivered", "dead"]),
  recipient_count: z.number(),
  notification_count: z.number(),
  last_at: z.string(),
  last_error: z.nullable(z.string()),
});
export type Told = z.infer<typeof told>;

const alert = z.object({
  alert_id: z.string(),
  title: z.nullable(z.string()),
  setting_name: z.string(),
  kind: z.string(),
  severity,
  state: z.enum(["firing", "acknowledged"]),
  is_flapping: z.boolean(),
  source_id: z.string(),
  project_id: z.string(),
  workflow_id: z.string(),
  name: z.nullable(z.string()),
  since: z.string(),
  acknowledged_at: z.nullable(z.string()),
  run_count: z.number(),
  user_count: z.number(),
  error_count: z.number(),
  told: z.array(told),
});
export type FiringAlert = z.infer<typeof alert>;

const error = z.object({
  group_id: z.string(),
  title: z.string(),
  node: z.nullable(z.string()),
  error_type: z.string(),
  severity,
  project_id: z.string(),
  first_seen_at: z.string(),
  last_seen_at: z.string(),
  event_count: z.number(),
  user_count: z.number(),
  run_count: z.number(),
  workflow_count: z.number(),
  regression_count: z.number(),
  source_id: z.nullable(z.string()),
  workflow_id: z.nullable(z.string()),
  name: z.nullable(z.string()),
  last_24_hours: z.array(z.number()),
  told: z.array(told),
});
export type ComingError = z.infer<typeof error>;

const incidents = z.object({ alerts: z.array(alert), errors: z.array(error) });
export type Incidents = z.infer<typeof incidents>;

export function readIncidents(
  key: { project: string | null },
  signal?: AbortSignal,
): Promise<Incidents> {
  return call("dashboard_incidents", { p_project_id: key.project }, incidents, signal);
}
