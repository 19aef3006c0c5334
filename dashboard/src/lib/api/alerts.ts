// Alerts: the list, the whole story of one, and why somebody was not told of a run.

import * as z from "zod/mini";
import { spanOf } from "../range.ts";
import { call } from "./client.ts";
import { alertSetting } from "./settings.ts";

export const severity = z.enum(["low", "medium", "high"]);
export type Severity = z.infer<typeof severity>;

const alert = z.object({
  alert_id: z.string(),
  setting_id: z.string(),
  setting_name: z.string(),
  kind: z.string(),
  source_id: z.string(),
  project_id: z.string(),
  workflow_id: z.string(),
  name: z.nullable(z.string()),
  severity,
  state: z.enum(["pending", "firing", "acknowledged", "resolved"]),
  is_flapping: z.boolean(),
  pending_since: z.string(),
  fired_at: z.nullable(z.string()),
  acknowledged_at: z.nullable(z.string()),
  acknowledged_by: z.nullable(z.string()),
  resolved_at: z.nullable(z.string()),
  told_at: z.nullable(z.string()),
  value: z.nullable(z.number()),
  threshold: z.nullable(z.number()),
  unit: z.nullable(z.string()),
  sample: z.nullable(z.number()),
  title: z.nullable(z.string()),
  judged_at: z.string(),
});
export type Alert = z.infer<typeof alert>;

const list = z.object({
  active: z.array(alert),
  past: z.array(alert),
  decisions: z.record(z.string(), z.number()),
  notification_count: z.number(),
});

export type AlertsKey = { range: string; project: string | null };

export function readAlerts(
  { range, project }: AlertsKey,
  signal?: AbortSignal,
): Promise<z.infer<typeof list>> {
  const { from, to } = spanOf(range);
  return call(
    "dashboard_alerts",
    { p_from: from.toISOString(), p_to: to.toISOString(), p_project_id: project },
    list,
    signal,
  );
}

const attempt = z.object({
  attempt: z.number(),
  outcome: z.enum(["delivered", "retry", "dead", "lost"]),
  started_at: z.nullable(z.string()),
  finished_at: z.string(),
  http_status: z.nullable(z.number()),
  error: z.nullable(z.string()),
  response: z.nullable(z.string()),
  provider_id: z.nullable(z.string()),
});
export type DeliveryAttempt = z.infer<typeof attempt>;

const delivery = z.object({
  delivery_id: z.string(),
  channel_id: z.string(),
  channel_kind: z.string(),
  channel_name: z.string(),
  recipient: z.nullable(z.string()),
  state: z.enum(["pending", "sending", "delivered", "dead"]),
  attempt_count: z.number(),
  next_attempt_at: z.string(),
  last_error: z.nullable(z.string()),
  delivered_at: z.nullable(z.string()),
  attempts: z.array(attempt),
});
export type Delivery = z.infer<typeof delivery>;

const notification = z.object({
  notification_id: z.string(),
  purpose: z.enum(["first", "summary", "digest", "resolved", "repeat", "escalation", "test"]),
  title: z.nullable(z.string()),
  decided_at: z.string(),
  deliveries: z.array(delivery),
});
export type Notification = z.infer<typeof notification>;

const decision = z.object({
  log_id: z.number(),
  what: z.string(),
  decision: z.string(),
  reason: z.string(),
  notification_id: z.nullable(z.string()),
  event_at: z.string(),
  decided_at: z.string(),
});
export type Decision = z.infer<typeof decision>;

const transition = z.object({
  transition_id: z.string(),
  transition: z.enum(["pending", "fired", "acknowledged", "resolved", "flapping"]),
  at: z.string(),
  value: z.nullable(z.number()),
  sample: z.nullable(z.number()),
  note: z.nullable(z.string()),
  made_by: z.nullable(z.string()),
});
export type Transition = z.infer<typeof transition>;

const story = z.nullable(
  z.object({
    alert,
    facts: z.array(z.object({ label: z.string(), value: z.unknown() })),
    setting: z.nullable(alertSetting),
    transitions: z.array(transition),
    decisions: z.array(decision),
    notifications: z.array(notification),
    earlier: z.array(alert),
  }),
);
export type AlertStory = NonNullable<z.infer<typeof story>>;

/** Null: there is none that one may see. */
export function readAlert(id: string, signal?: AbortSignal): Promise<AlertStory | null> {
  return call("dashboard_alert", { p_alert_id: id }, story, signal);
}

export function acknowledge(id: string, note: string): Promise<unknown> {
  return call("acknowledge_alert", { p_alert_id: id, p_note: note || null }, z.unknown());
}

/** Sends a test through a channel; answers the delivery by which it can be followed. */
export function sendTest(channelId: string): Promise<string> {
  return call("send_test_alert", { p_channel_id: channelId }, z.string());
}

export function readTest(deliveryId: string, signal?: AbortSignal): Promise<Notification | null> {
  return call("dashboard_test", { p_delivery_id: deliveryId }, z.nullable(notification), signal);
}

export function retryDelivery(id: string): Promise<unknown> {
  return call("retry_delivery", { p_delivery_id: id }, z.unknown());
}

const step = z.object({
  at: z.nullable(z.string()),
  step: z.string(),
  story: z.string(),
  setting_name: z.nullable(z.string()),
  channel_name: z.nullable(z.string()),
  details: z.nullable(z.record(z.string(), z.unknown())),
});
export type Step = z.infer<typeof step>;

/** What became of the failure of a run, in order. */
export function explainRun(
  key: { run: string; source: string },
  signal?: AbortSignal,
): Promise<Step[]> {
  if (!key.run) return Promise.resolve([]);
  return call(
    "explain_run",
    { p_run_id: key.run, p_source_id: key.source || null },
    z.array(step),
    signal,
  );
}
