/**
 * The function as deployed, but for its clock: each request says how far it has been moved. The
 * database's clock moves with it, where a claim goes by the time. With TEST_DIE_AT it dies as the
 * platform may kill it: after so many sends, each time before the last of them is recorded.
 *
 * For tests and benchmarks; index.ts knows nothing of it.
 */
import { createDatabase } from "../db.ts";
import { defaultLimits, type Limits, platformDeps } from "../deps.ts";
import { createForwardDatabase } from "../forward/db.ts";
import { createHandler } from "../handler.ts";
import { createHeartbeatDatabase } from "../heartbeat.ts";

const byTheClock = new Set(
  ["deliveries", "forwardings", "heartbeat"]
    .map((what) => `claim_${what}`)
    .concat("record_forwardings", "record_heartbeat"),
);
let offset = 0;
let records = 0;
const dieAt = Number(Deno.env.get("TEST_DIE_AT") ?? Infinity);
const limits: Limits = { ...defaultLimits, ...JSON.parse(Deno.env.get("TEST_LIMITS") ?? "{}") };
const now = () => new Date(Date.now() + offset);

const fetchAt: typeof fetch = (input, init) => {
  const called = new URL(input instanceof Request ? input.url : input).pathname.split("/").at(-1);
  if (/^record_(attempt|forwardings)/.test(called ?? "") && ++records >= dieAt) Deno.exit(137);
  if (!byTheClock.has(called ?? "") || typeof init?.body !== "string") return fetch(input, init);
  const args = { ...JSON.parse(init.body), p_now: now().toISOString() };
  return fetch(input, { ...init, body: JSON.stringify(args) });
};

const deps = platformDeps();
const handle = createHandler({
  ...deps,
  now,
  limits,
  db: createDatabase(deps.env, fetchAt),
  forwardings: createForwardDatabase(deps.env, fetchAt),
  heartbeat: createHeartbeatDatabase(deps.env, fetchAt),
});

Deno.serve(
  {
    port: Number(Deno.env.get("TEST_PORT")),
    hostname: "127.0.0.1",
    onListen: () => undefined,
  },
  (request) => {
    offset = Number(request.headers.get("x-test-offset") ?? 0);
    return handle(request);
  },
);
