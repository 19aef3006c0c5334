/**
 * An alert setting, as it is sent and as it is answered. Here is checked what shape it has; what a
 * kind's parameters may be and what may stand beside what, the database knows and tells by field.
 */
import { z } from "zod";
import { text } from "./fields.ts";

const name = z
  .string({ error: "A text." })
  .refine((value) => /\S/.test(value) && value.length <= 100 && !value.includes("\0"), {
    error: "A name of 1 to 100 characters.",
  });
const id = z.guid({ error: "A uuid." });
const identifier = text(200).nullable();
const flag = z.boolean({ error: "true or false." });
const span = z
  .string({ error: 'A span of time as a text, such as "15 minutes".' })
  .regex(/^[\w .:+-]{1,60}$/, { error: 'A span of time, such as "15 minutes".' });
/** Which there are, the database says. */
const word = z.string({ error: "A text." }).regex(/^[a-z_]{1,60}$/, { error: "A word." });

const channel = z.strictObject(
  {
    channel_id: id,
    after_interval: span.optional(),
    // what an answer says of it may be sent back, and means nothing
    name: z.unknown().optional(),
    kind: z.unknown().optional(),
    is_enabled: z.unknown().optional(),
  },
  { error: "An object with a channel_id." },
);

const fields = {
  setting_id: id,
  name,
  kind: word,
  project_id: identifier,
  workflow_id: identifier,
  parameters: z.record(z.string(), z.unknown(), { error: 'An object, such as {"threshold": 5}.' }),
  severity: word,
  replaces_general: flag,
  evaluation_interval: span,
  for_duration: span,
  keep_firing_for: span,
  on_no_data: word,
  notify_resolved: flag,
  group_by: word,
  group_wait: span.nullable(),
  throttle_limit: z.int({ error: "A whole number." }),
  throttle_window: span,
  repeat_interval: span,
  template: text(4_000).nullable(),
  labels: z.record(z.string(), z.string(), {
    error: 'An object of texts, such as {"team": "billing"}.',
  }),
  is_enabled: flag,
  updated_at: z.iso.datetime({ offset: true, error: "A time, as it was read." }),
  channels: z
    .array(z.preprocess(byItsId, channel), {
      error: "A list of channels, each by its id or as {channel_id, after_interval}.",
    })
    .max(50, { error: "At most 50 channels." }),
};

/** What an answer says of a setting may be sent back, and means nothing. */
const told = z
  .object({
    created_at: z.unknown(),
    level: z.unknown(),
    is_inherited: z.unknown(),
    replaced_by: z.unknown(),
    applies: z.unknown(),
  })
  .partial();

export const givenSetting = z
  .strictObject({ ...fields, ...told.shape }, { error: "An object." })
  .partial()
  .transform((given) => ({
    ...Object.fromEntries(Object.entries(given).filter(([key]) => key in fields)),
    ...(given.channels === undefined ? {} : { channels: given.channels.map(attached) }),
  }));

function byItsId(given: unknown): unknown {
  return typeof given === "string" ? { channel_id: given } : given;
}

function attached({ channel_id, after_interval: after }: z.infer<typeof channel>) {
  return { channel_id, ...(after === undefined ? {} : { after_interval: after }) };
}

const maybeText = z.string().nullable();

/** A setting in an answer; `updated_at` to the microsecond, since it is compared. */
export const setting = z.object({
  setting_id: z.string(),
  name: z.string(),
  kind: z.string(),
  project_id: maybeText,
  workflow_id: maybeText,
  level: z.enum(["workflow", "project", "everything"]),
  parameters: z.record(z.string(), z.unknown()),
  severity: z.string(),
  replaces_general: z.boolean(),
  evaluation_interval: z.string(),
  for_duration: z.string(),
  keep_firing_for: z.string(),
  on_no_data: z.string(),
  notify_resolved: z.boolean(),
  group_by: z.string(),
  group_wait: maybeText,
  throttle_limit: z.number().int(),
  throttle_window: z.string(),
  repeat_interval: z.string(),
  template: maybeText,
  labels: z.record(z.string(), z.string()),
  is_enabled: z.boolean(),
  created_at: z.string(),
  updated_at: z.string(),
  channels: z.array(
    z.object({
      channel_id: z.string(),
      name: maybeText,
      kind: maybeText,
      is_enabled: z.boolean().nullable(),
      after_interval: z.string(),
    }),
  ),
});
