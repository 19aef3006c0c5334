/**
 * The body of a webhook. The same notification always gives the same bytes, so that repeated
 * attempts differ in nothing but the time of sending. Standard Webhooks asks for less than 20 kB:
 * what is too long is cut where it hurts least, and `truncated` says so.
 */
import { redact } from "../../_shared/redact.ts";
import { byteLength, clean, cut } from "../../_shared/text.ts";
import type { Notification } from "../notification.ts";

export const maxBodyBytes = 20_000;

export type WebhookType = "run.failed" | "run.failed.summary" | "test";

export function webhookType(notification: Notification): WebhookType {
  if (notification.purpose === "test") return "test";
  return notification.purpose === "summary" ? "run.failed.summary" : "run.failed";
}

export function renderWebhook(notification: Notification): string {
  // From the gentlest to the harshest; the last one fits whatever comes.
  const limits = [
    { message: Infinity, runMessage: Infinity, runs: Infinity, other: Infinity },
    { message: 8_000, runMessage: 500, runs: 10, other: 2_000 },
    { message: 4_000, runMessage: 200, runs: 10, other: 500 },
    { message: 1_000, runMessage: 100, runs: 5, other: 300 },
    { message: 500, runMessage: 0, runs: 0, other: 150 },
  ];
  let body = "";
  for (const limit of limits) {
    body = JSON.stringify(payload(notification, limit));
    if (byteLength(body) < maxBodyBytes) return body;
  }
  return body;
}

interface Limits {
  message: number;
  runMessage: number;
  runs: number;
  other: number;
}

function payload(notification: Notification, limits: Limits) {
  let truncated = false;
  const limit = (text: string | null, max: number): string | null => {
    if (text === null) return null;
    const shown = cut(redact(clean(text)), max);
    truncated ||= max !== Infinity && shown.endsWith("…") && !text.endsWith("…");
    return shown;
  };
  const short = (text: string | null) => limit(text, limits.other);
  const { event, held_back: held } = notification;
  const heldRuns = held?.runs.slice(0, limits.runs) ?? [];
  truncated ||= heldRuns.length < (held?.runs.length ?? 0);

  const data = {
    version: notification.version,
    notification_id: notification.notification_id,
    purpose: notification.purpose,
    kind: notification.kind,
    severity: notification.severity,
    setting: {
      setting_id: notification.setting.setting_id,
      name: short(notification.setting.name),
    },
    project_id: short(notification.project_id),
    workflow_id: short(notification.workflow_id),
    workflow_name: short(notification.workflow_name),
    event: event && {
      error_id: event.error_id,
      source_id: short(event.source_id),
      run_id: short(event.run_id),
      node: short(event.node),
      error_type: short(event.error_type),
      message: limit(event.message, limits.message),
      occurred_at: event.occurred_at,
      attempt: event.attempt,
      run_url: linkable(event.run_url, limits.other),
    },
    held_back: held && {
      count: held.count,
      since: held.since,
      until: held.until,
      runs: heldRuns.map((run) => ({
        run_id: short(run.run_id),
        node: short(run.node),
        message: limit(run.message, limits.runMessage),
        occurred_at: run.occurred_at,
        run_url: linkable(run.run_url, limits.other),
      })),
    },
    throttle: notification.throttle,
    decided_at: notification.decided_at,
  };
  return {
    type: webhookType(notification),
    timestamp: timestamp(notification.decided_at),
    data: truncated ? { ...data, truncated } : data,
  };
}

/** Half a link is none. */
function linkable(url: string | null, max: number): string | null {
  return url === null || url.length > max ? null : url;
}

function timestamp(decidedAt: string): string {
  const date = new Date(decidedAt);
  return Number.isNaN(date.getTime()) ? decidedAt : date.toISOString();
}
