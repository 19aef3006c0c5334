/**
 * The parts of Sentry's published event schema that are used here, as strict as it is: no other
 * property, no other type. Written from the schema's facts; tests/forwarding.test.ts holds the
 * events to Sentry's own SDK besides.
 */
import { z } from "zod";

const optional = <T extends z.ZodType>(type: T) => type.nullish();
const unsigned = z.number().int().nonnegative();
const attributes = z.record(z.string(), z.unknown());

const frame = z.strictObject({
  abs_path: optional(z.string()),
  colno: optional(unsigned),
  context_line: optional(z.string()),
  filename: optional(z.string()),
  function: optional(z.string()),
  in_app: optional(z.boolean()),
  lineno: optional(unsigned),
  module: optional(z.string()),
  package: optional(z.string()),
  platform: optional(z.string()),
  raw_function: optional(z.string()),
  stack_start: optional(z.boolean()),
});

const mechanism = z.strictObject({
  type: z.string(),
  data: optional(attributes),
  description: z.never().optional(),
  exception_id: optional(unsigned),
  handled: optional(z.boolean()),
  help_link: optional(z.string()),
  is_exception_group: optional(z.boolean()),
  parent_id: optional(unsigned),
  source: optional(z.string()),
  synthetic: optional(z.boolean()),
});

const exception = z.strictObject({
  mechanism: optional(mechanism),
  module: optional(z.string()),
  stacktrace: optional(z.strictObject({ frames: z.array(frame) })),
  thread_id: optional(z.union([unsigned, z.string()])),
  type: optional(z.string()),
  value: optional(z.string()),
});

export const sentryEventSchema = z.strictObject({
  contexts: optional(
    z.record(z.string(), z.union([z.looseObject({ type: z.string().optional() }), z.null()])),
  ),
  culprit: optional(z.string()),
  dist: optional(z.string()),
  environment: optional(z.string().regex(/^(?!none$)[^\n\r\f\t/\\]{1,64}$/iu)),
  event_id: z.string().regex(/^[0-9a-f]{32}$/),
  exception: optional(z.strictObject({ values: z.array(exception).min(1) })),
  extra: optional(attributes),
  fingerprint: optional(z.array(z.string())),
  level: optional(z.enum(["debug", "info", "warning", "error", "fatal"])),
  logentry: optional(
    z.strictObject({
      formatted: optional(z.string()),
      message: optional(z.string()),
      params: z.unknown().optional(),
    }),
  ),
  logger: optional(z.string()),
  modules: optional(z.record(z.string(), z.string())),
  platform: optional(z.enum(["node", "javascript", "python", "go", "java", "other"])),
  release: optional(z.string().regex(/^(?!latest$|\.{1,2}$)[^\n\r\f\t/\\]{1,200}$/iu)),
  sdk: optional(z.strictObject({ name: z.string(), version: z.string() })),
  server_name: optional(z.string()),
  tags: optional(
    z.record(
      z.string().max(200),
      z
        .string()
        .min(1)
        .max(200)
        .regex(/^[^\n]*$/),
    ),
  ),
  timestamp: z.iso.datetime(),
  transaction: optional(z.string()),
  user: optional(z.strictObject({ id: optional(z.string()) })),
});
