/** Takes errors from workers, webhook intakes and web servers. For holders of an ingest key. */
import { z } from "zod";
import { announcer } from "../../_shared/announce.ts";
import { readText } from "../../_shared/env.ts";
import { type Issue, json } from "../../_shared/http.ts";
import { readJson } from "../../_shared/json_body.ts";
import { asReporter } from "../access.ts";
import { count } from "../answers.ts";
import type { Deps } from "../deps.ts";
import { ApiError } from "../errors.ts";
import { issueOfReason, readEvent } from "../events.ts";
import type { Route } from "../router.ts";

/** So much, if it is all secrets, is redacted in half the time that the Data API gives. */
const maxBytes = 1024 * 1024;
const maxEvents = 100;
const mostIssues = 200;

const told = z.object({ code: z.string(), message: z.string(), hint: z.string().optional() });
const result = z.object({
  index: count,
  error_id: z.string().nullable(),
  status: z.enum(["accepted", "duplicate", "rejected"]),
  reason: z.string().optional(),
});
const answer = z.union([
  z.object({
    status: z.literal(202),
    accepted: count,
    duplicates: count,
    rejected: count,
    results: z.array(result),
  }),
  z.object({
    status: z.union([z.literal(400), z.literal(401), z.literal(413)]),
    error: told,
  }),
  z.object({ status: z.literal(429), error: told, retry_after_seconds: count }),
]);

export function errorEventsRoutes({ db, env, log }: Deps): Route[] {
  const announce = announcer(db, env, log);

  const handle = asReporter(env, async ({ request }, { ingestKey }) => {
    const events = listOf(await readJson(request, { maxBytes, invalidUtf8: "replace" }));
    const read = events.map(readEvent);
    const report = db.call(
      { kind: "service" },
      "report_errors",
      {
        // an item that is refused here keeps its place, and is refused there as no object
        p_events: read.map(({ event, issues }) => (issues.length > 0 ? null : event)),
        p_ingest_key: ingestKey,
        p_environment: readText(env, "TOCSIN_ENVIRONMENT") ?? null,
      },
      answer,
    );
    const [found] = await Promise.all([report, announce()]);
    if (found.status !== 202) throw refusalOf(found);

    const results = found.results.map(({ reason, ...one }) => ({
      ...one,
      ...(one.status === "rejected"
        ? { issues: issuesOfItem(read[one.index]?.issues, reason) }
        : {}),
    }));
    if (found.rejected === results.length) {
      throw nothingTaken(
        results.flatMap(({ index, issues = [] }) =>
          issues.map(({ path, message }) => ({
            path: path === "" ? String(index) : `${index}.${path}`,
            message,
          })),
        ),
      );
    }
    const { accepted, duplicates, rejected } = found;
    return json(202, { accepted, duplicates, rejected, results });
  });
  return [{ method: "POST", path: "/error-events", handle }];
}

function listOf(body: unknown): unknown[] {
  const events = Array.isArray(body) ? body : [body];
  if (events.length === 0 || typeof body !== "object" || body === null) {
    throw new ApiError(400, {
      code: "no_events",
      message: "The body is no list of errors.",
      hint: `Send a JSON array of 1 to ${maxEvents} objects, each with a message.`,
    });
  }
  if (events.length > maxEvents) {
    throw new ApiError(413, {
      code: "TC038",
      message: `The batch has ${events.length} errors.`,
      hint: `Send at most ${maxEvents} errors at once.`,
    });
  }
  return events;
}

function issuesOfItem(issues: Issue[] | undefined, reason = "It cannot be taken."): Issue[] {
  return issues !== undefined && issues.length > 0 ? issues : [issueOfReason(reason)];
}

function nothingTaken(issues: Issue[]): ApiError {
  return new ApiError(400, {
    code: "invalid_events",
    message: "None of the errors could be taken: each issue names an item and its field.",
    issues: issues.slice(0, mostIssues),
  });
}

function refusalOf(found: Exclude<z.infer<typeof answer>, { status: 202 }>): ApiError {
  const { code, message, hint } = found.error;
  const headers: Record<string, string> = {
    ...(found.status === 401 ? { "www-authenticate": "Bearer" } : {}),
    ...(found.status === 429 ? { "retry-after": String(found.retry_after_seconds) } : {}),
  };
  return new ApiError(found.status, { code, message, ...(hint ? { hint } : {}) }, headers);
}
