/** All workflows that the caller may see side by side, beside the range before. For signed-in users. */
import { z } from "zod";
import { asUser } from "../access.ts";
import { count, counts, maybeNumber, time } from "../answers.ts";
import { cachedJson } from "../cache.ts";
import type { Deps } from "../deps.ts";
import { instant, projectId, sourceId, wholeNumber } from "../fields.ts";
import { pageOf } from "../paging.ts";
import type { Route } from "../router.ts";

export function summaryRoutes(deps: Deps): Route[] {
  return [{ method: "GET", path: "/metrics/workflows/summary", handle: readSummary(deps) }];
}

const sorts = [
  "failure_count",
  "run_count",
  "success_count",
  "timed_out_count",
  "canceled_count",
  "success_rate",
  "success_rate_change",
  "duration_ms_avg",
  "last_updated",
  "workflow_id",
] as const;

const query = z.object({
  from: instant.optional(),
  to: instant.optional(),
  project_id: projectId,
  source_id: sourceId,
  min_runs: wholeNumber(0, 1_000_000_000, 1),
  sort: z.enum(sorts, { error: `One of: ${sorts.join(", ")}.` }).default("failure_count"),
  order: z.enum(["desc", "asc"], { error: "asc or desc." }).default("desc"),
  limit: wholeNumber(1, 200, 50),
  cursor: z.string().optional(),
});

const placeSchema = z.strictObject({
  value: z.number().nullable(),
  workflow_id: z.string().max(1_000),
  project_id: z.string().max(1_000),
  source_id: z.string().max(1_000),
});

const answer = z.object({
  workflow_count: count,
  workflows: z.array(
    z.object({
      source_id: z.string(),
      project_id: z.string(),
      workflow_id: z.string(),
      run_count: count,
      ...counts,
      duration_ms_avg: maybeNumber,
      run_count_before: count,
      success_rate_before: maybeNumber,
      success_rate_change: maybeNumber,
      direction: z.enum(["better", "worse", "same", "new"]),
      last_updated: time,
    }),
  ),
  after: placeSchema.nullable(),
});

function readSummary({ db, now }: Deps): Route["handle"] {
  return asUser(async ({ request, url }, caller) => {
    const { asked, range, after, cursorAfter } = pageOf(url, now(), query, placeSchema);
    const found = await db.call(
      caller,
      "page_run_metrics_summary",
      {
        p_from: range.from.toISOString(),
        p_to: range.to.toISOString(),
        p_project_id: asked.project_id ?? null,
        p_source_id: asked.source_id ?? null,
        p_min_runs: asked.min_runs,
        p_sort: asked.sort,
        p_descending: asked.order === "desc",
        p_limit: asked.limit,
        p_after_value: after?.value ?? null,
        p_after_workflow_id: after?.workflow_id ?? null,
        p_after_project_id: after?.project_id ?? null,
        p_after_source_id: after?.source_id ?? null,
      },
      answer,
    );
    const from = range.from.toISOString();
    const to = range.to.toISOString();
    const before = new Date(2 * range.from.getTime() - range.to.getTime()).toISOString();
    return cachedJson(request, {
      range: { from, to },
      range_before: { from: before, to: from },
      workflow_count: found.workflow_count,
      workflows: found.workflows,
      next_cursor: cursorAfter(found.after),
    });
  });
}
