/**
 * What the database hands over: a claimed delivery and, in it, the notification to be told.
 * Version 1; what is unknown here is left out, so the database may be a version ahead.
 */
import { z } from "zod";

const text = z
  .string()
  .nullish()
  .transform((value) => value ?? null);
const label = z
  .string()
  .nullish()
  .transform((value) => value ?? "");
const count = z.number().int().nonnegative();

const heldRun = z.object({
  run_id: text,
  node: text,
  message: text,
  occurred_at: text,
  run_url: text,
});

export const purposes = [
  "first",
  "summary",
  "digest",
  "resolved",
  "repeat",
  "escalation",
  "test",
] as const;
export const severities = ["low", "medium", "high"] as const;

const measure = z
  .number()
  .nullish()
  .transform((value) => value ?? null);

const alert = z.object({
  alert_id: text,
  state: text,
  value: measure,
  threshold: measure,
  unit: text,
  sample: measure,
  since: text,
  resolved_at: text,
});

const item = z.object({
  title: text,
  severity: text,
  occurred_at: text,
  workflow_id: text,
  run_id: text,
  run_url: text,
  message: text,
});

/** What may be missing, or null, is null; an empty list where it is a list. */
const optional = <T extends z.ZodType>(schema: T) =>
  schema.nullish().transform((value): z.output<T> | null => value ?? null);
const listOf = <T extends z.ZodType>(schema: T) =>
  z
    .array(schema)
    .nullish()
    .transform((value): z.output<T>[] => value ?? []);

export const notificationSchema = z.object({
  version: z.literal(1),
  notification_id: z.string(),
  purpose: z.enum(purposes),
  kind: z.string(),
  severity: z.enum(severities),
  /** One sentence; null: stored by an older version, and told from kind and event. */
  title: text,
  facts: listOf(z.object({ label, value: label })),
  setting: optional(z.object({ setting_id: text, name: text })).transform(
    (value) => value ?? { setting_id: null, name: null },
  ),
  project_id: label,
  workflow_id: label,
  workflow_name: text,
  event: z
    .object({
      error_id: text,
      source_id: text,
      run_id: text,
      node: text,
      error_type: text,
      message: text,
      occurred_at: text,
      attempt: z
        .number()
        .int()
        .nullish()
        .transform((value) => value ?? null),
      run_url: text,
    })
    .nullish()
    .transform((value) => value ?? null),
  alert: optional(alert),
  items: listOf(item),
  held_back: z
    .object({ count, since: text, until: text, runs: z.array(heldRun).default([]) })
    .nullish()
    .transform((value) => value ?? null),
  throttle: z
    .object({ limit: count, window_seconds: z.number().nonnegative() })
    .nullish()
    .transform((value) => value ?? null),
  decided_at: z.string(),
});

export type Notification = z.infer<typeof notificationSchema>;
export type Item = z.infer<typeof item>;
export type HeldRun = z.infer<typeof heldRun>;

const instant = z.string().transform((value, context) => {
  const date = new Date(value);
  if (!Number.isNaN(date.getTime())) return date;
  context.addIssue({ code: "custom", message: "is not a time" });
  return z.NEVER;
});

/** One row of `tocsin.claim_deliveries`. Config and notification are read by who sends them. */
export const claimSchema = z.object({
  delivery_id: z.uuid(),
  attempt: z.number().int().positive(),
  /** Of these, so many were made before it was replayed. */
  earlier_attempts: count.nullish().transform((value) => value ?? 0),
  channel_id: z.string(),
  channel_kind: z.string(),
  channel_name: label,
  channel_config: z.unknown(),
  channel_secrets: z
    .array(z.string())
    .nullish()
    .transform((value) => value ?? []),
  /** When it was made, or last replayed. */
  created_at: instant,
  /** How long its sending has to wait, for the pace of its provider. */
  wait_ms: z
    .number()
    .nullish()
    .transform((value) => Math.max(0, value ?? 0)),
  /** What its setting says instead of the usual text. */
  template: text,
  notification: z.unknown(),
});

export type Claim = z.infer<typeof claimSchema>;
