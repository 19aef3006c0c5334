// Error groups: the list, one of them, and what people decide about it.

import * as z from "zod/mini";
import { timeZone } from "../format.ts";
import { bucketLength, bucketOf, spanOf } from "../range.ts";
import { call } from "./client.ts";
import { mostBuckets } from "./history.ts";
import { severity } from "./incidents.ts";

export const statuses = ["open", "ignored", "resolved"] as const;
export type GroupStatus = (typeof statuses)[number];

const group = z.object({
  group_id: z.string(),
  project_id: z.string(),
  fingerprint: z.string(),
  title: z.string(),
  source: z.enum(["worker", "webhook", "system"]),
  error_type: z.string(),
  severity,
  node: z.nullable(z.string()),
  status: z.enum(statuses),
  first_seen_at: z.string(),
  last_seen_at: z.string(),
  first_release: z.nullable(z.string()),
  last_release: z.nullable(z.string()),
  event_count: z.number(),
  user_count: z.number(),
  run_count: z.number(),
  workflow_count: z.number(),
  sampled_out_count: z.number(),
  regression_count: z.number(),
  status_changed_at: z.nullable(z.string()),
  ignored_until: z.nullable(z.string()),
  ignored_until_count: z.nullable(z.number()),
  ignored_count: z.number(),
  ignored_until_rate: z.nullable(z.number()),
});
export type ErrorGroup = z.infer<typeof group>;

const listed = z.extend(group, { last_24_hours: z.array(z.number()) });
export type ListedGroup = z.infer<typeof listed>;

const page = z.object({ groups: z.array(listed), after: z.nullable(z.unknown()) });
export type GroupPage = z.infer<typeof page>;

export const sorts = {
  last_seen_at: "Last seen",
  first_seen_at: "First seen",
  event_count: "Most errors",
  user_count: "Most users",
  run_count: "Most runs",
} as const;

export type GroupKey = {
  project: string | null;
  status: string;
  severity: string;
  text: string;
  sort: string;
};

export function readGroups(key: GroupKey, signal?: AbortSignal): Promise<GroupPage> {
  return call(
    "page_error_groups",
    {
      p_project_id: key.project,
      p_status: key.status || null,
      p_severity: key.severity || null,
      p_text: key.text || null,
      p_sort: key.sort in sorts ? key.sort : "last_seen_at",
      p_limit: 200,
    },
    page,
    signal,
  );
}

const bucket = z.object({
  bucket_at: z.string(),
  error_count: z.number(),
  low_count: z.number(),
  medium_count: z.number(),
  high_count: z.number(),
  resolution: z.string(),
});
export type ErrorHistory = { buckets: z.infer<typeof bucket>[]; bucketMs: number };

export async function readErrorHistory(
  key: { range: string; project: string | null; group?: string },
  signal?: AbortSignal,
): Promise<ErrorHistory> {
  const { from, to } = spanOf(key.range);
  const p_bucket = bucketOf(key.range, mostBuckets());
  const buckets = await call(
    "error_rate_history",
    {
      p_from: from.toISOString(),
      p_to: to.toISOString(),
      p_bucket,
      p_project_id: key.project,
      p_group_id: key.group ?? null,
      p_time_zone: timeZone,
    },
    z.array(bucket),
    signal,
  );
  // The counts of a group are kept by the hour.
  const [first, second] = buckets;
  const bucketMs =
    first && second
      ? Date.parse(second.bucket_at) - Date.parse(first.bucket_at)
      : bucketLength(p_bucket);
  return { buckets, bucketMs };
}

const sample = z.object({
  error_id: z.string(),
  timestamp: z.string(),
  message: z.nullable(z.string()),
  stack: z.nullable(z.string()),
  metadata: z.record(z.string(), z.unknown()),
  workflow_id: z.string(),
  name: z.nullable(z.string()),
  source_id: z.string(),
  run_id: z.nullable(z.string()),
  run_url: z.nullable(z.string()),
  node: z.nullable(z.string()),
  attempt: z.nullable(z.number()),
  user_id: z.nullable(z.string()),
  component: z.nullable(z.string()),
  environment: z.nullable(z.string()),
  release: z.nullable(z.string()),
  exception: z.nullable(z.string()),
  sqlstate: z.nullable(z.string()),
  http_status: z.nullable(z.number()),
  is_sampled_out: z.boolean(),
});
export type Sample = z.infer<typeof sample>;

const change = z.object({
  action: z.enum(["resolve", "ignore", "reopen", "regress", "unignore"]),
  note: z.nullable(z.string()),
  until_at: z.nullable(z.string()),
  until_count: z.nullable(z.number()),
  until_rate: z.nullable(z.number()),
  is_mine: z.nullable(z.boolean()),
  is_person: z.boolean(),
  changed_at: z.string(),
});
export type Change = z.infer<typeof change>;

const detail = z.nullable(
  z.object({
    group,
    impact: z.object({
      event_count: z.number(),
      user_count: z.number(),
      user_count_is_exact: z.boolean(),
      run_count: z.number(),
      run_count_is_exact: z.boolean(),
      workflow_count: z.number(),
    }),
    workflows: z.array(
      z.object({
        source_id: z.string(),
        workflow_id: z.string(),
        name: z.nullable(z.string()),
        count: z.number(),
      }),
    ),
    users: z.array(z.object({ user_id: z.string(), count: z.number() })),
    samples: z.array(sample),
    changes: z.array(change),
  }),
);
export type ErrorDetail = NonNullable<z.infer<typeof detail>>;

/** Null: there is none that the user may see. */
export function readError(
  key: { group: string; range: string },
  signal?: AbortSignal,
): Promise<ErrorDetail | null> {
  const { from, to } = spanOf(key.range);
  return call(
    "dashboard_error",
    { p_group_id: key.group, p_from: from.toISOString(), p_to: to.toISOString() },
    detail,
    signal,
  );
}

export type Bound = { until?: Date; count?: number; rate?: number };

export async function resolveGroup(id: string, note: string): Promise<void> {
  await call("resolve_error_group", { p_group_id: id, p_note: note || null }, z.unknown());
}

export async function reopenGroup(id: string): Promise<void> {
  await call("reopen_error_group", { p_group_id: id }, z.unknown());
}

/** Until a time, until so many more came, until so many come within an hour; for good without. */
export async function ignoreGroup(id: string, bound: Bound, note: string): Promise<void> {
  await call(
    "ignore_error_group",
    {
      p_group_id: id,
      p_until: bound.until?.toISOString() ?? null,
      p_count: bound.count ?? null,
      p_rate: bound.rate ?? null,
      p_rate_window: bound.rate ? "1 hour" : null,
      p_note: note || null,
    },
    z.unknown(),
  );
}
