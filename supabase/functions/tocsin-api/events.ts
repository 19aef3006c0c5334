/**
 * The errors that are posted, one by one: what is wrong with an item is told for each of its fields,
 * and costs the others of its batch nothing.
 */
import { z } from "zod";
import { type Issue, issuesOf } from "../_shared/http.ts";
import { storable } from "../_shared/json_body.ts";

/** The database cuts metadata at ten levels; its parser has to get so far. */
const deepest = 24;

const textual = z.union([z.string(), z.number(), z.boolean()], { error: "A text." }).nullish();
const oneOf = (...names: [string, ...string[]]) =>
  z.enum(names, { error: `One of: ${names.join(", ")}.` }).nullish();

function wholeNumber(min: number, max: number) {
  const error = `A whole number from ${min} to ${max}.`;
  return z
    .union(
      [
        z.number(),
        z
          .string()
          .regex(/^\d{1,9}$/)
          .transform(Number),
      ],
      { error },
    )
    .refine((value) => Number.isInteger(value) && value >= min && value <= max, { error })
    .nullish();
}

/** The fields of an error, by what each can be. */
export const eventFields = {
  error_id: z
    .string({ error: "A uuid." })
    .regex(/^[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}$/i, { error: "A uuid." })
    .nullish(),
  timestamp: textual,
  source: oneOf("worker", "webhook", "system"),
  error_type: textual,
  severity: oneOf("low", "medium", "high"),
  project_id: textual,
  workflow_id: textual,
  workflow_name: textual,
  run_id: textual,
  node: textual,
  attempt: wholeNumber(0, 999_999_999),
  user_id: textual,
  component: textual,
  environment: textual,
  release: textual,
  exception: textual,
  sqlstate: textual,
  http_status: wholeNumber(100, 599),
  message: textual,
  stack: textual,
  metadata: z.record(z.string(), z.unknown(), { error: "An object." }).nullish(),
};

const eventSchema = z
  .looseObject(eventFields, { error: "An object." })
  .refine(({ message, exception }) => isSaid(message) || isSaid(exception), {
    path: ["message"],
    error: "It is needed, or an exception.",
    when: ({ value }) => typeof value === "object" && value !== null,
  });

function isSaid(value: unknown): boolean {
  return value !== undefined && value !== null && value !== "";
}

export interface ReadEvent {
  /** As the database can take it. */
  event: unknown;
  /** Empty: nothing is wrong with it. */
  issues: Issue[];
}

export function readEvent(given: unknown): ReadEvent {
  const event = storable(given, deepest);
  const parsed = eventSchema.safeParse(event);
  return { event, issues: parsed.success ? [] : issuesOf(parsed.error) };
}

/** What the database says of an item, as an issue of the field that it begins with. */
export function issueOfReason(reason: string): Issue {
  const [first = ""] = reason.split(" ");
  return { path: first in eventFields ? first : "", message: reason };
}
