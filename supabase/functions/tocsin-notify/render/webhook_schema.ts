/**
 * The body of a webhook, version 1, as a schema. docs/reference/webhook-v1.schema.json is made of
 * it, and a test holds every body to it. What is added later is optional; nothing changes meaning.
 */
import { z } from "zod";
import { purposes, severities } from "../notification.ts";

const text = z.string().nullable();
const time = z.string().nullable().describe("A time, as ISO 8601.");
const link = z.string().nullable().describe("An address, or null where there is none or no room.");

export const webhookTypes = [
  "run.failed",
  "run.failed.summary",
  "error.occurred",
  "error.new",
  "error.regressed",
  "alert.firing",
  "alert.summary",
  "alert.repeated",
  "alert.escalated",
  "alert.resolved",
  "channel.disabled",
  "digest",
  "test",
] as const;

export type WebhookType = (typeof webhookTypes)[number];

const heldRun = z.object({
  run_id: text,
  node: text,
  message: text,
  occurred_at: time,
  run_url: link,
});

const data = z.object({
  version: z.literal(1),
  notification_id: z.string().describe("The same for every channel that it goes to."),
  purpose: z.enum(purposes),
  kind: z.string().describe("The kind of alert."),
  severity: z.enum(severities),
  title: text.describe("What happened, in one sentence."),
  text: z
    .object({ headline: z.string(), body: z.string() })
    .nullable()
    .describe("The setting's own words, where it has a template."),
  facts: z.array(z.object({ label: z.string(), value: z.string() })),
  setting: z.object({ setting_id: text, name: text }),
  project_id: text.describe("Empty: no project."),
  workflow_id: text,
  workflow_name: text,
  event: z
    .object({
      error_id: text,
      source_id: text,
      run_id: text,
      node: text,
      error_type: text,
      message: text,
      occurred_at: time,
      attempt: z.int().nullable(),
      run_url: link,
    })
    .nullable()
    .describe("The failure; in a summary, the newest one held back."),
  alert: z
    .object({
      alert_id: text,
      state: text.describe("firing or resolved"),
      value: z.number().nullable(),
      threshold: z.number().nullable(),
      unit: text,
      sample: z.number().nullable(),
      since: time,
      resolved_at: time,
    })
    .nullable()
    .describe("Of kinds that measure: the alert and its figures."),
  items: z
    .array(
      z.object({
        title: text,
        severity: text,
        occurred_at: time,
        workflow_id: text,
        run_id: text,
        run_url: link,
        message: text,
      }),
    )
    .describe("What a group or a digest tells of, newest first; at most ten."),
  held_back: z
    .object({ count: z.int().min(0), since: time, until: time, runs: z.array(heldRun) })
    .nullable()
    .describe("What the throttle held back; count is always the whole number."),
  throttle: z.object({ limit: z.int().min(0), window_seconds: z.number().min(0) }).nullable(),
  decided_at: z.string(),
  truncated: z.literal(true).optional().describe("Something was cut to fit into 20 kB."),
});

export const webhookBody = z.object({
  type: z.enum(webhookTypes),
  timestamp: z.string().describe("When it was decided."),
  data,
});

export type WebhookBody = z.infer<typeof webhookBody>;

/** The schema as it is published. Receivers are to accept fields that they do not know. */
export function webhookJsonSchema(): object {
  return {
    ...z.toJSONSchema(webhookBody, { io: "input" }),
    title: "Tocsin webhook, version 1",
  };
}
