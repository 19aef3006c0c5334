/**
 * The body of a webhook. The same notification always gives the same bytes, so that repeated
 * attempts differ in nothing but the time of sending. Standard Webhooks asks for less than 20 kB:
 * what is too long is cut where it hurts least, and `truncated` says so.
 */
import { redact } from "../../_shared/redact.ts";
import { byteLength, clean, cut } from "../../_shared/text.ts";
import type { Notification } from "../notification.ts";
import { fillTemplate } from "./template.ts";
import { tellStory } from "./story.ts";
import type { WebhookBody, WebhookType } from "./webhook_schema.ts";

export const maxBodyBytes = 20_000;
const mostFacts = 12;

export function webhookType({ purpose, kind }: Notification): WebhookType {
  switch (purpose) {
    case "test":
    case "digest":
      return purpose;
    case "summary":
      return kind === "run_failed" ? "run.failed.summary" : "alert.summary";
    case "repeat":
      return "alert.repeated";
    case "escalation":
      return "alert.escalated";
    case "resolved":
      return "alert.resolved";
    case "first":
      return firstTypes[kind] ?? "alert.firing";
  }
}

const firstTypes: Record<string, WebhookType> = {
  run_failed: "run.failed",
  error_occurred: "error.occurred",
  error_new: "error.new",
  error_regressed: "error.regressed",
  channel_disabled: "channel.disabled",
};

export interface WebhookOptions {
  /** What the setting says instead of the usual text. */
  template?: string | null | undefined;
}

export function renderWebhook(notification: Notification, options: WebhookOptions = {}): string {
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
    body = JSON.stringify(payload(notification, options, limit));
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

function payload(
  notification: Notification,
  { template }: WebhookOptions,
  limits: Limits,
): WebhookBody {
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

  const title = tellStory(notification).title;
  const words = template == null ? null : fillTemplate(template, notification, title, undefined);
  const items = notification.items.slice(0, limits.runs);
  truncated ||= items.length < notification.items.length;

  const data = {
    version: notification.version,
    notification_id: notification.notification_id,
    purpose: notification.purpose,
    kind: notification.kind,
    severity: notification.severity,
    title: short(title),
    text: words && {
      headline: limit(words.headline, limits.other) ?? "",
      body: limit(words.body, limits.message) ?? "",
    },
    facts: notification.facts.slice(0, mostFacts).map(({ label, value }) => ({
      label: limit(label, limits.other) ?? "",
      value: limit(value, limits.other) ?? "",
    })),
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
    alert: notification.alert && {
      alert_id: notification.alert.alert_id,
      state: notification.alert.state,
      value: notification.alert.value,
      threshold: notification.alert.threshold,
      unit: short(notification.alert.unit),
      sample: notification.alert.sample,
      since: notification.alert.since,
      resolved_at: notification.alert.resolved_at,
    },
    items: items.map((item) => ({
      title: limit(item.title, limits.other),
      severity: item.severity,
      occurred_at: item.occurred_at,
      workflow_id: short(item.workflow_id),
      run_id: short(item.run_id),
      run_url: linkable(item.run_url, limits.other),
      message: limit(item.message, limits.runMessage),
    })),
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
    data: truncated ? { ...data, truncated: true } : data,
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
