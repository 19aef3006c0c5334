/**
 * tocsin-api: metrics, errors and alert settings for people, under their own row-level security;
 * metrics for scrapers, with a token of their own; errors from workers, with an ingest key; and
 * alerts from the project's own servers, with its secret key. Whoever is asked for is decided at the
 * route (`access.ts`); everything else that is the same for all routes is here: paths, methods, CORS
 * and the shape of errors.
 */
import { corsHeaders, preflight } from "./cors.ts";
import type { Deps } from "./deps.ts";
import { ApiError, toResponse } from "./errors.ts";
import { createRequestCounter } from "./requests.ts";
import { createRouter, type Match, pathInFunction } from "./router.ts";
import { alertSettingsRoutes } from "./routes/alert_settings.ts";
import { alertTriggerRoutes } from "./routes/alert_trigger.ts";
import { errorEventsRoutes } from "./routes/error_events.ts";
import { errorMetricsRoutes } from "./routes/error_metrics.ts";
import { healthRoutes } from "./routes/health.ts";
import { openMetricsRoutes } from "./routes/open_metrics.ts";
import { summaryRoutes } from "./routes/summary.ts";
import { workflowRoutes } from "./routes/workflow.ts";

export function createHandler(deps: Deps): (request: Request) => Promise<Response> {
  const route = createRouter([
    ...healthRoutes(deps),
    ...workflowRoutes(deps),
    ...summaryRoutes(deps),
    ...openMetricsRoutes(deps),
    ...errorEventsRoutes(deps),
    ...errorMetricsRoutes(deps),
    ...alertSettingsRoutes(deps),
    ...alertTriggerRoutes(deps),
  ]);
  const count = createRequestCounter(deps);
  return async (request) => {
    const began = deps.now().getTime();
    const seen = { route: "other" };
    const answer = await answerTo(request, route, seen).catch((error) =>
      toResponse(error, deps.log),
    );
    count(seen.route, answer.status, deps.now().getTime() - began);
    for (const [name, value] of Object.entries(corsHeaders)) answer.headers.set(name, value);
    if (request.method !== "HEAD") return answer;
    await answer.body?.cancel();
    return new Response(null, answer);
  };
}

async function answerTo(
  request: Request,
  route: (method: string, path: string) => Match,
  seen: { route: string },
): Promise<Response> {
  const url = new URL(request.url);
  const found = route(request.method, pathInFunction(url));
  const { methods, handle, params } = found;
  seen.route = found.route ?? seen.route;
  if (methods.length > 0 && request.method === "OPTIONS") return preflight(methods);
  if (handle !== undefined) return await handle({ request, url, params });

  await request.body?.cancel();
  if (methods.length === 0) {
    throw new ApiError(404, {
      code: "no_such_route",
      message: "There is nothing at this path.",
      hint: "The routes are in docs/reference/api.md.",
    });
  }
  const allowed = methods.join(", ");
  throw new ApiError(
    405,
    { code: "method_not_allowed", message: `This path has: ${allowed}.` },
    { allow: allowed },
  );
}
