/**
 * tocsin-notify: rung by the database when deliveries are due. The doorbell's token opens nothing
 * but a drain, and it is checked before anything else is looked at.
 *
 * A ring is answered at once and drained afterwards: pg_net sends a batch of requests together and
 * waits for the slowest, so that a ring held open would hold up the host's own webhooks.
 * `{"type":"drain","wait":true}` is for hands and tests: it waits, and is answered with the result.
 */
import { z } from "zod";
import { ConfigurationError, readText } from "../_shared/env.ts";
import { errorResponse, issuesOf, json } from "../_shared/http.ts";
import { messageOf } from "../_shared/log.ts";
import { createOutgoing, type Outgoing } from "../_shared/net/outgoing.ts";
import { DatabaseError } from "./db.ts";
import { defaultLimits, type Deps } from "./deps.ts";
import { Drain, type DrainResult } from "./drain.ts";
import { pingOutside } from "./heartbeat.ts";
import { createForwarding, type ForwardCounts } from "./forward/forwarding.ts";

const body = z.object({
  type: z.literal("drain"),
  wait: z.boolean().default(false),
  /** The address outside is to be pinged as well. */
  heartbeat: z.boolean().default(false),
});
const longestToken = 512;
const longestBody = 4_096;

export function createHandler(deps: Deps): (request: Request) => Promise<Response> {
  const drainOnce = createDrainer(deps);
  const forwardOnce = createForwarding({ ...deps, db: deps.forwardings }, () => outgoingOf(deps));
  return async (request) => {
    try {
      return await handle(request, deps, drainOnce, forwardOnce);
    } catch (error) {
      return failure(error, deps);
    }
  };
}

async function handle(
  request: Request,
  deps: Deps,
  drainOnce: () => Promise<DrainResult>,
  forwardOnce: () => Promise<ForwardCounts | undefined>,
): Promise<Response> {
  const url = new URL(request.url);
  if (url.pathname.endsWith("/unsubscribe")) return await unsubscribe(request, url, deps);

  const token = request.headers.get("x-tocsin-token") ?? "";
  const rung =
    request.method === "POST" &&
    token !== "" &&
    token.length <= longestToken &&
    (await deps.db.checkDoorbell(token));
  if (!rung) {
    await request.body?.cancel();
    return errorResponse(401, {
      code: "unauthorized",
      message: "A POST with a valid x-tocsin-token is needed.",
      hint: "The database rings this function itself; tocsin.setup() makes its token.",
    });
  }

  const parsed = body.safeParse(await readJson(request));
  if (!parsed.success) {
    return errorResponse(400, {
      code: "invalid_body",
      message: 'The body is to be {"type":"drain"}, or {"type":"drain","wait":true}.',
      issues: issuesOf(parsed.error),
    });
  }

  if (deps.announce !== undefined) deps.keepAlive(deps.announce());
  const draining = drainOnce().then((result) => {
    if (result.claimed > 0) deps.log.info("drained", { ...result });
    return result;
  });
  const forwarding = forwardOnce().then((counts) => {
    if (counts === undefined || counts.claimed === 0) return {};
    deps.log.info("forwarded", { ...counts });
    return { forwarding: counts };
  });
  // Forwarding never fails; the drain's failure is told by whoever waits for it, or logged.
  const { wait, heartbeat } = parsed.data;
  const pinging = heartbeat
    ? pingOutside(deps.heartbeat, outgoingOf(deps), deps.log)
    : Promise.resolve();
  const told = draining.catch((error: unknown) => (wait ? undefined : logFailure(error, deps)));
  deps.keepAlive(Promise.all([told, forwarding, pinging]));
  if (wait) {
    await pinging;
    return json(200, { ...(await draining), ...(await forwarding) });
  }
  return json(202, { accepted: true });
}

/**
 * The unsubscribe button of a mail program (RFC 8058) posts here. To look at the address changes
 * nothing, since scanners of mail do that.
 */
async function unsubscribe(request: Request, url: URL, { db }: Deps): Promise<Response> {
  await request.body?.cancel();
  const token = url.searchParams.get("token") ?? "";
  if (request.method !== "POST") {
    return text(
      405,
      "This address is for your mail program's unsubscribe button. Without one, ask whoever runs " +
        "Tocsin to take your address out of the channel.",
    );
  }
  const isKnown = /^[\w-]{16,128}$/.test(token) && (await db.unsubscribe(token));
  return isKnown
    ? text(200, "You will get no more emails from this channel.")
    : text(404, "This is no address for unsubscribing, or its channel is gone already.");
}

function text(status: number, body: string): Response {
  const headers = { "content-type": "text/plain; charset=utf-8", "cache-control": "no-store" };
  return new Response(body, {
    status,
    headers: status === 405 ? { ...headers, allow: "POST" } : headers,
  });
}

/**
 * One drain at a time in an instance, so that its bounds hold however often it is rung: a ring
 * during a drain makes that one look again, and has nothing to count itself.
 */
function createDrainer(deps: Deps): () => Promise<DrainResult> {
  let current: Drain | undefined;
  return async () => {
    if (current?.ring() === true) return nothingDone;
    const limits = { ...defaultLimits, ...deps.limits };
    const drain = new Drain({ ...deps, outgoing: outgoingOf(deps) }, limits);
    current = drain;
    try {
      return await drain.run();
    } finally {
      if (current === drain) current = undefined;
    }
  };
}

/** The guarded way out, with the hosts that the operator allows as of now. */
function outgoingOf(deps: Deps): Outgoing {
  const limits = { ...defaultLimits, ...deps.limits };
  const insecureHosts = readText(deps.env, "TOCSIN_ALLOW_INSECURE_HOSTS");
  return createOutgoing({
    resolve: deps.resolve,
    connectTimeoutMs: limits.connectTimeoutMs,
    totalTimeoutMs: limits.sendTimeoutMs,
    ...(insecureHosts === undefined ? {} : { allowInsecureHosts: insecureHosts }),
    ...(deps.caCerts === undefined ? {} : { caCerts: deps.caCerts }),
  });
}

const nothingDone: DrainResult = {
  claimed: 0,
  delivered: 0,
  retried: 0,
  dead: 0,
  released: 0,
  unrecorded: 0,
};

async function readJson(request: Request): Promise<unknown> {
  const text = await request.text();
  if (text.length > longestBody) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function failure(error: unknown, deps: Deps): Response {
  logFailure(error, deps);
  if (error instanceof ConfigurationError || error instanceof DatabaseError) {
    const status = error instanceof ConfigurationError ? 500 : 503;
    return errorResponse(status, { code: error.code, message: error.message, hint: error.hint });
  }
  return errorResponse(500, {
    code: "unexpected",
    message: "tocsin-notify failed. Its log says why.",
  });
}

function logFailure(error: unknown, { log }: Deps): void {
  const known = error instanceof ConfigurationError || error instanceof DatabaseError;
  const fields = { message: messageOf(error), ...(known ? { hint: error.hint } : {}) };
  log.error(known ? error.code : "unexpected", fields);
}
