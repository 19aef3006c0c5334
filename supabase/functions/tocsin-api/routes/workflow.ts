/** One workflow: what its runs add up to, and how they ended over time. For signed-in users. */
import { z } from "zod";
import { asUser } from "../access.ts";
import { count, counts, maybeNumber, time } from "../answers.ts";
import { cachedJson } from "../cache.ts";
import type { Deps } from "../deps.ts";
import { ApiError } from "../errors.ts";
import {
  bucket,
  buckets,
  instant,
  projectId,
  rangeOf,
  sourceId,
  text,
  timeZone,
  usualBucket,
} from "../fields.ts";
import { parseQuery } from "../query.ts";
import type { Route } from "../router.ts";

export function workflowRoutes(deps: Deps): Route[] {
  return [{ method: "GET", path: "/metrics/workflow/:workflow_id", handle: readWorkflow(deps) }];
}

const query = z.object({
  from: instant.optional(),
  to: instant.optional(),
  bucket,
  project_id: projectId,
  source_id: sourceId,
  time_zone: timeZone,
});

const answer = z
  .object({
    totals: z.array(
      z.object({ source_id: z.string(), project_id: z.string(), ...counts, last_updated: time }),
    ),
    history: z.array(
      z.object({
        bucket_at: time,
        ...counts,
        duration_count: count,
        duration_ms_avg: maybeNumber,
        duration_ms_min: maybeNumber,
        duration_ms_max: maybeNumber,
        duration_ms_p50: maybeNumber,
        duration_ms_p95: maybeNumber,
        duration_ms_p99: maybeNumber,
        resolution: z.string(),
      }),
    ),
  })
  .nullable();

function readWorkflow({ db, now }: Deps): Route["handle"] {
  return asUser(async ({ request, url, params }, caller) => {
    const asked = parseQuery(url, query);
    const range = rangeOf(now(), asked.from, asked.to);
    const length = asked.bucket ?? usualBucket(range);
    const workflowId = params["workflow_id"] ?? "";
    const found = text(1_000).safeParse(workflowId).success
      ? await db.call(
          caller,
          "read_workflow_metrics",
          {
            p_workflow_id: workflowId,
            p_from: range.from.toISOString(),
            p_to: range.to.toISOString(),
            p_bucket: buckets[length].interval,
            p_project_id: asked.project_id ?? null,
            p_source_id: asked.source_id ?? null,
            p_time_zone: asked.time_zone,
          },
          answer,
        )
      : null;
    // One answer for both, to the byte: who may not see a workflow is not told that it is there.
    if (found === null) {
      throw new ApiError(404, {
        code: "workflow_not_found",
        message: "There is no such workflow, or it is not yours to see.",
        hint: "It has to have had a run that ended, in a project that you are a member of.",
      });
    }
    return cachedJson(request, {
      workflow_id: workflowId,
      range: {
        from: range.from.toISOString(),
        to: range.to.toISOString(),
        bucket: length,
        time_zone: asked.time_zone,
      },
      totals: found.totals,
      history: found.history,
    });
  });
}
