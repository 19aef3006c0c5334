/** Errors: how many over time, and each of them, newest first. For signed-in users. */
import { z } from "zod";
import { asUser } from "../access.ts";
import { count, time } from "../answers.ts";
import { cachedJson } from "../cache.ts";
import type { Deps } from "../deps.ts";
import {
  bucket,
  buckets,
  instant,
  projectId,
  text,
  timeZone,
  usualBucket,
  wholeNumber,
} from "../fields.ts";
import { pageOf } from "../paging.ts";
import type { Route } from "../router.ts";

export function errorMetricsRoutes(deps: Deps): Route[] {
  return [{ method: "GET", path: "/error-metrics", handle: readErrorMetrics(deps) }];
}

const sources = ["worker", "webhook", "system"] as const;
const severities = ["low", "medium", "high"] as const;
const errorTypes = [
  "system",
  "execution",
  "input",
  "timeout",
  "network",
  "auth",
  "rate_limit",
  "dependency",
  "unknown",
] as const;

function oneOf<const T extends readonly [string, ...string[]]>(names: T) {
  return z.enum(names, { error: `One of: ${names.join(", ")}.` }).optional();
}

const query = z.object({
  from: instant.optional(),
  to: instant.optional(),
  bucket,
  time_zone: timeZone,
  source: oneOf(sources),
  error_type: oneOf(errorTypes),
  severity: oneOf(severities),
  project_id: projectId,
  workflow_id: text(200).optional(),
  run_id: text(500).optional(),
  group_id: z.guid({ error: "The group_id of a group: a uuid." }).optional(),
  text: text(200).optional(),
  limit: wholeNumber(1, 200, 50),
  cursor: z.string().optional(),
});

/** To the microsecond, which a Date would lose: two errors may be nearer than a millisecond. */
const placeSchema = z.strictObject({
  timestamp: z.iso.datetime({ offset: true }),
  error_id: z.guid(),
});

const maybeText = z.string().nullable();
const answer = z.object({
  counts: z
    .array(
      z.object({
        bucket_at: time,
        error_count: count,
        low_count: count,
        medium_count: count,
        high_count: count,
        resolution: z.string(),
      }),
    )
    .nullable(),
  page: z.object({
    errors: z.array(
      z.object({
        error_id: z.string(),
        timestamp: time,
        source: z.enum(sources),
        error_type: z.enum(errorTypes),
        severity: z.enum(severities),
        project_id: z.string(),
        workflow_id: z.string(),
        workflow_name: maybeText,
        source_id: z.string(),
        run_id: maybeText,
        node: maybeText,
        attempt: count.nullable(),
        user_id: maybeText,
        component: maybeText,
        environment: maybeText,
        release: maybeText,
        exception: maybeText,
        sqlstate: maybeText,
        http_status: count.nullable(),
        message: maybeText,
        stack: maybeText,
        metadata: z.record(z.string(), z.unknown()),
        origin: z.enum(["run", "stuck", "event", "report"]),
        group_id: maybeText,
        fingerprint: z.string(),
        classified_by: z.string(),
        is_new: z.boolean(),
        is_regression: z.boolean(),
        is_sampled_out: z.boolean(),
      }),
    ),
    after: placeSchema.nullable(),
  }),
});

function readErrorMetrics({ db, now }: Deps): Route["handle"] {
  return asUser(async ({ request, url }, caller) => {
    const { asked, range, after, cursorAfter } = pageOf(url, now(), query, placeSchema);
    const length = asked.bucket ?? usualBucket(range);
    const from = range.from.toISOString();
    const to = range.to.toISOString();
    const { counts, page } = await db.call(
      caller,
      "read_error_metrics",
      {
        p_from: from,
        p_to: to,
        p_bucket: buckets[length].interval,
        p_source: asked.source ?? null,
        p_error_type: asked.error_type ?? null,
        p_severity: asked.severity ?? null,
        p_project_id: asked.project_id ?? null,
        p_workflow_id: asked.workflow_id ?? null,
        p_group_id: asked.group_id ?? null,
        p_text: asked.text ?? null,
        p_run_id: asked.run_id ?? null,
        p_time_zone: asked.time_zone,
        p_limit: asked.limit,
        p_after_timestamp: after?.timestamp ?? null,
        p_after_error_id: after?.error_id ?? null,
      },
      answer,
    );
    return cachedJson(request, {
      range: { from, to, bucket: length, time_zone: asked.time_zone },
      counts,
      errors: page.errors,
      next_cursor: cursorAfter(page.after),
    });
  });
}
