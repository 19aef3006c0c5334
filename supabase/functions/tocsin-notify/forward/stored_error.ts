/** A stored error as tocsin.claim_forwardings hands it out: redacted, classified, grouped. */
import { z } from "zod";

const text = z
  .string()
  .nullish()
  .transform((value) => (value == null || value === "" ? undefined : value));
const integer = z
  .number()
  .int()
  .nullish()
  .transform((value) => value ?? undefined);

export const storedErrorSchema = z.object({
  error_id: z.string(),
  timestamp: z
    .string()
    .transform((value) => new Date(value))
    .refine((value) => !Number.isNaN(value.getTime()), "is no time"),
  source: z.string(),
  origin: z.string(),
  error_type: z.string(),
  severity: z.enum(["low", "medium", "high"]),
  project_id: text,
  workflow_id: text,
  workflow_name: text,
  source_id: text,
  run_id: text,
  node: text,
  attempt: integer,
  user_id: text,
  component: text,
  environment: text,
  release: text,
  exception: text,
  sqlstate: text,
  http_status: integer,
  message: text,
  stack: text,
  metadata: z
    .record(z.string(), z.unknown())
    .nullish()
    .transform((value) => value ?? {}),
  fingerprint: z.string(),
  classified_by: text,
  is_new: z.boolean().catch(false),
  is_regression: z.boolean().catch(false),
  is_sampled_out: z.boolean().catch(false),
  group_id: text,
  run_url: text,
});

export type StoredError = z.infer<typeof storedErrorSchema>;

/** An error on its way out, with the name that the receiver knows it by in every attempt. */
export interface Outbound {
  eventId: string;
  error: StoredError;
  /** TOCSIN_ENVIRONMENT and TOCSIN_RELEASE, for errors that name none. */
  environment: string | undefined;
  release: string | undefined;
  /** Where people find it in Tocsin. */
  link: string | undefined;
}

/** What an error says in one line: its message or, when a spike took that, what is left. */
export function headline({ message, exception, error_type, node }: StoredError): string {
  if (message !== undefined) return message;
  const at = node === undefined ? "" : ` at ${node}`;
  return `${exception ?? error_type.replaceAll("_", " ")}${at}`;
}

/** What people call the workflow, else its id. */
export function workflowOf({ workflow_name, workflow_id }: StoredError): string | undefined {
  return workflow_name ?? workflow_id;
}

/** Where it happened, as short as a title needs it: `order-import / createContact`. */
export function placeOf(error: StoredError): string | undefined {
  const parts = [workflowOf(error) ?? error.component, error.node];
  return parts.filter((part) => part !== undefined).join(" / ") || undefined;
}

/**
 * What Tocsin knows of it beside what the receiver has a field for. Undefined values are left out
 * when it is written as JSON.
 */
export function knownOf({ error, link }: Outbound): Record<string, unknown> {
  return {
    error_id: error.error_id,
    group: error.fingerprint,
    link,
    run_link: error.run_url,
    project_id: error.project_id,
    source: error.source,
    component: error.component,
    workflow_id: error.workflow_id,
    workflow_name: error.workflow_name,
    run_id: error.run_id,
    source_id: error.source_id,
    node: error.node,
    attempt: error.attempt,
    error_type: error.error_type,
    severity: error.severity,
    classified_by: error.classified_by,
    origin: error.origin,
    sqlstate: error.sqlstate,
    http_status: error.http_status,
    is_new: error.is_new,
    is_regression: error.is_regression,
    ...(error.is_sampled_out
      ? { text_left_out: "Its group came too often to keep each text." }
      : {}),
  };
}
