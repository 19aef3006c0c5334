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

export const notificationSchema = z.object({
  version: z.literal(1),
  notification_id: z.string(),
  purpose: z.enum(["first", "summary", "test"]),
  kind: z.string(),
  severity: z.enum(["low", "medium", "high"]),
  setting: z.object({ setting_id: text, name: text }),
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
  channel_id: z.string(),
  channel_kind: z.string(),
  channel_name: label,
  channel_config: z.unknown(),
  channel_secrets: z
    .array(z.string())
    .nullish()
    .transform((value) => value ?? []),
  created_at: instant,
  notification: z.unknown(),
});

export type Claim = z.infer<typeof claimSchema>;
