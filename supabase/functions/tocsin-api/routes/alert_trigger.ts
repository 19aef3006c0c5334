/**
 * A failure that a server of the project tells of itself, and what was decided of it. To trigger is
 * for holders of the secret key; to read decisions, for signed-in users and for them.
 */
import { z } from "zod";
import { readText } from "../../_shared/env.ts";
import { json } from "../../_shared/http.ts";
import { readJson, storable } from "../../_shared/json_body.ts";
import { asService, asUser } from "../access.ts";
import { count, time } from "../answers.ts";
import { cachedJson } from "../cache.ts";
import type { Deps } from "../deps.ts";
import { ApiError, invalidBody } from "../errors.ts";
import { eventFields } from "../events.ts";
import { parseQuery } from "../query.ts";
import type { Route } from "../router.ts";

const maxBytes = 256 * 1024;
/** The database cuts metadata at ten levels; its parser has to get so far. */
const deepest = 24;

export function alertTriggerRoutes(deps: Deps): Route[] {
  return [
    { method: "POST", path: "/alerts/trigger", handle: trigger(deps) },
    { method: "GET", path: "/alerts/decisions/:event_id", handle: readDecisions(deps) },
  ];
}

const key = z
  .string({ error: "A text." })
  .regex(/^[\x21-\x7e]{1,255}$/, { error: "1 to 255 visible ASCII characters." });
const title = z.string({ error: "A text." }).max(200, { error: "At most 200 characters." });

const { error_id: _named, ...fields } = eventFields;
const given = z
  .strictObject(
    { ...fields, title: title.nullish(), idempotency_key: key.nullish() },
    { error: "An object." },
  )
  .refine((body) => [body.title, body.message].some((one) => `${one ?? ""}`.trim() !== ""), {
    path: ["title"],
    error: "It is needed, or a message.",
    when: ({ value }) => typeof value === "object" && value !== null && !Array.isArray(value),
  });

function trigger({ db, env }: Deps): Route["handle"] {
  return asService(env, async ({ request }) => {
    const body = given.safeParse(storable(await readJson(request, { maxBytes }), deepest));
    if (!body.success) throw invalidBody(body.error);
    const { title, message, idempotency_key: named, ...failure } = body.data;
    const idempotencyKey = named ?? headerKey(request);
    const said = [title, message].map((one) => `${one ?? ""}`.trim()).filter((one) => one !== "");
    const { event_id } = await db.call(
      { kind: "service" },
      "trigger_alert",
      {
        p_failure: { ...failure, message: said.join(": ") },
        p_idempotency_key: idempotencyKey ?? null,
        p_environment: readText(env, "TOCSIN_ENVIRONMENT") ?? null,
      },
      z.object({ event_id: z.string() }),
    );
    // a path, since only whoever asks knows by which name they reach the function
    const decisions = `/functions/v1/tocsin-api/alerts/decisions/${event_id}`;
    return json(202, { event_id, decisions }, { location: decisions });
  });
}

function headerKey(request: Request): string | undefined {
  const header = request.headers.get("idempotency-key");
  if (header === null) return undefined;
  const parsed = key.safeParse(header);
  if (parsed.success) return parsed.data;
  throw new ApiError(400, {
    code: "invalid_body",
    message: "The header Idempotency-Key cannot be used.",
    issues: [{ path: "idempotency_key", message: "1 to 255 visible ASCII characters." }],
  });
}

const maybeText = z.string().nullable();
const decisions = z.array(
  z.object({
    what: z.string(),
    decision: z.string(),
    reason: z.string(),
    setting_id: maybeText,
    setting_name: maybeText,
    project_id: z.string(),
    workflow_id: z.string(),
    run_id: maybeText,
    severity: z.string(),
    event_at: time,
    decided_at: time,
    notification_id: maybeText,
    deliveries: z.array(
      z.object({
        delivery_id: z.string(),
        channel_name: z.string(),
        channel_kind: z.string(),
        state: z.string(),
        attempt_count: count,
        last_error: maybeText,
        delivered_at: time.nullable(),
      }),
    ),
  }),
);

function readDecisions({ db }: Deps): Route["handle"] {
  return asUser(async ({ request, url, params }, caller) => {
    parseQuery(url, z.object({}));
    const eventId = params["event_id"] ?? "";
    const found = z.guid().safeParse(eventId).success
      ? await db.call(caller, "read_decisions", { p_event_id: eventId }, decisions)
      : [];
    return cachedJson(request, { event_id: eventId, decisions: found });
  });
}
