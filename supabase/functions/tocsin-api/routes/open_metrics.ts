/** What Prometheus and its like scrape, with a token of their own. */
import { z } from "zod";
import { asScraper } from "../access.ts";
import type { Deps } from "../deps.ts";
import { projectId, sourceId, wholeNumber } from "../fields.ts";
import { familiesOf, snapshotSchema } from "../open_metrics/families.ts";
import { formatMetrics } from "../open_metrics/format.ts";
import { contentTypes, formatFor, takesGzip } from "../open_metrics/negotiate.ts";
import { parseQuery } from "../query.ts";
import type { Route } from "../router.ts";

const query = z.object({
  limit: wholeNumber(1, 10_000, 10_000),
  project_id: projectId,
  source_id: sourceId,
  durations: z.enum(["true", "false"], { error: "true or false." }).default("true"),
});

export function openMetricsRoutes({ db, env }: Deps): Route[] {
  const handle = asScraper(env, async ({ request, url }) => {
    const asked = parseQuery(url, query);
    const withDurations = asked.durations === "true";
    const snapshot = await db.call(
      { kind: "service" },
      "scrape_metrics",
      {
        p_limit: asked.limit,
        p_project_id: asked.project_id ?? null,
        p_source_id: asked.source_id ?? null,
        p_with_durations: withDurations,
      },
      snapshotSchema,
    );
    const { headers } = request;
    const format = formatFor(headers.get("accept"));
    const chunks = formatMetrics(familiesOf(snapshot, withDurations), format);
    const body = streamOf(chunks);
    const isPacked = takesGzip(headers.get("accept-encoding"));
    return new Response(isPacked ? body.pipeThrough(new CompressionStream("gzip")) : body, {
      headers: {
        "content-type": contentTypes[format],
        ...(isPacked ? { "content-encoding": "gzip" } : {}),
        "cache-control": "no-store",
        vary: "accept, accept-encoding",
      },
    });
  });
  return [{ method: "GET", path: "/metrics", handle }];
}

function streamOf(chunks: Iterator<string>): ReadableStream<Uint8Array<ArrayBuffer>> {
  const encoder = new TextEncoder();
  return new ReadableStream({
    pull(controller) {
      const next = chunks.next();
      if (next.done === true) controller.close();
      else controller.enqueue(encoder.encode(next.value));
    },
  });
}
