import assert from "node:assert/strict";
import { ConfigurationError } from "../_shared/env.ts";
import { serve, type TestServer } from "../_shared/testing/servers.ts";
import { createDatabase, DatabaseError } from "./db.ts";
import { rawNotification } from "./testing/fixtures.ts";

const id = "00000000-0000-4000-8000-000000000001";

function database(server: TestServer, values: Record<string, string> = {}) {
  const env: Record<string, string> = {
    SUPABASE_URL: server.url,
    SUPABASE_SECRET_KEYS: '{"default":"sb_secret_test"}',
    ...values,
  };
  return createDatabase({ get: (name) => env[name] }, fetch);
}

function failsAs(code: string, hint: RegExp) {
  return (error: unknown) => {
    assert.ok(error instanceof DatabaseError, String(error));
    assert.equal(error.code, code);
    assert.match(error.hint, hint);
    return true;
  };
}

const row = {
  delivery_id: id,
  attempt: 2,
  channel_id: "00000000-0000-4000-8000-0000000000c1",
  channel_kind: "webhook",
  channel_name: "Ops",
  channel_config: { url: "https://hooks.example.test/" },
  channel_secrets: ["whsec_x"],
  created_at: "2026-11-21T09:00:00.123456+00:00",
  notification: rawNotification(),
};

Deno.test("calls go to the schema tocsin with the secret key", async () => {
  await using server = serve(() => Response.json(true));
  assert.equal(await database(server).checkDoorbell("abc"), true);
  const [request] = server.received;
  assert.equal(request?.path, "/rest/v1/rpc/check_doorbell");
  assert.equal(request?.headers.get("content-profile"), "tocsin");
  assert.equal(request?.headers.get("apikey"), "sb_secret_test");
  assert.deepEqual(JSON.parse(request?.body ?? ""), { p_token: "abc" });
});

Deno.test(
  "claims are read, and one that cannot be read does not take the others along",
  async () => {
    await using server = serve(() =>
      Response.json([row, { ...row, delivery_id: "no uuid" }, { ...row, channel_secrets: null }]),
    );
    const { claims, unreadable } = await database(server).claimDeliveries(50, 120);
    assert.deepEqual(JSON.parse(server.received[0]?.body ?? ""), {
      p_limit: 50,
      p_lease_seconds: 120,
    });
    assert.equal(claims.length, 2);
    assert.equal(claims[0]?.created_at.toISOString(), "2026-11-21T09:00:00.123Z");
    assert.deepEqual(claims[1]?.channel_secrets, []);
    assert.equal(unreadable.length, 1);
    assert.match(unreadable[0] ?? "", /delivery_id/);
  },
);

Deno.test("an attempt is recorded with every parameter of the contract", async () => {
  await using server = serve(() => Response.json(["pending"]));
  const state = await database(server).recordAttempt({
    deliveryId: id,
    attempt: 2,
    outcome: "retry",
    startedAt: new Date("2026-11-21T09:00:00Z"),
    finishedAt: new Date("2026-11-21T09:00:01Z"),
    nextAttemptAt: new Date("2026-11-21T09:00:31Z"),
    httpStatus: 500,
    error: "a.example answered 500.",
    response: "oops",
    providerId: null,
    holdUntil: new Date("2026-11-21T09:02:00Z"),
    isGone: false,
  });
  assert.equal(state, "pending");
  assert.deepEqual(JSON.parse(server.received[0]?.body ?? ""), {
    p_attempts: [
      {
        delivery_id: id,
        attempt: 2,
        outcome: "retry",
        started_at: "2026-11-21T09:00:00.000Z",
        finished_at: "2026-11-21T09:00:01.000Z",
        next_attempt_at: "2026-11-21T09:00:31.000Z",
        http_status: 500,
        error: "a.example answered 500.",
        response: "oops",
        provider_id: null,
        hold_until: "2026-11-21T09:02:00.000Z",
        is_gone: false,
      },
    ],
  });
});

Deno.test(
  "what ends within a moment is recorded in one call, each with its own state",
  async () => {
    const states: Record<string, string> = { a: "delivered", b: "stale", c: "dead" };
    await using server = serve(({ body }) =>
      Response.json(
        JSON.parse(body).p_attempts.map((one: { error: string }) => states[one.error] ?? "pending"),
      ),
    );
    const db = database(server);
    const now = new Date("2026-11-21T09:00:00Z");
    const record = (error: string) =>
      db.recordAttempt({
        ...{
          deliveryId: id,
          attempt: 1,
          outcome: "retry" as const,
          startedAt: now,
          finishedAt: now,
        },
        ...{ nextAttemptAt: now, httpStatus: null, error, response: null, providerId: null },
        ...{ holdUntil: null, isGone: false },
      });
    const recorded = await Promise.all(["a", "b", "c", "d"].map(record));
    assert.deepEqual(recorded, ["delivered", "stale", "dead", "pending"]);
    assert.equal(server.received.length, 1);
  },
);

Deno.test("a batch that cannot be recorded fails for each that was in it", async () => {
  await using server = serve(() =>
    Response.json({ code: "40P01", message: "deadlock" }, { status: 500 }),
  );
  const db = database(server);
  const now = new Date("2026-11-21T09:00:00Z");
  const attempt = {
    ...{
      deliveryId: id,
      attempt: 1,
      outcome: "delivered" as const,
      startedAt: now,
      finishedAt: now,
    },
    ...{ nextAttemptAt: null, httpStatus: 200, error: null, response: null, providerId: null },
    ...{ holdUntil: null, isGone: false },
  };
  for (const one of await Promise.allSettled([
    db.recordAttempt(attempt),
    db.recordAttempt(attempt),
  ])) {
    assert.ok(
      one.status === "rejected" && failsAs("database_unavailable", /next ring/)(one.reason),
    );
  }
  assert.equal(server.received.length, 2, "it was tried twice");
});

Deno.test("a batch that meets a passing fault is recorded the second time", async () => {
  await using server = serve((_, number) =>
    number === 1 ? new Response("", { status: 502 }) : Response.json(["delivered"]),
  );
  const now = new Date("2026-11-21T09:00:00Z");
  const state = await database(server).recordAttempt({
    ...{ deliveryId: id, attempt: 1, outcome: "delivered", startedAt: now, finishedAt: now },
    ...{ nextAttemptAt: null, httpStatus: 200, error: null, response: null, providerId: null },
    ...{ holdUntil: null, isGone: false },
  });
  assert.equal(state, "delivered");
});

Deno.test("claims are given back by id and attempt", async () => {
  await using server = serve(() => Response.json(1));
  assert.equal(await database(server).releaseDeliveries([{ delivery_id: id, attempt: 3 }]), 1);
  assert.deepEqual(JSON.parse(server.received[0]?.body ?? ""), {
    p_delivery_ids: [id],
    p_attempts: [3],
  });
});

const faults: [string, number, object, string, RegExp][] = [
  [
    "a schema that is not exposed",
    406,
    { code: "PGRST106", message: "Invalid schema: tocsin" },
    "schema_not_exposed",
    /\[api\]\.schemas.*Exposed schemas/,
  ],
  [
    "missing migrations",
    404,
    { code: "PGRST202", message: "Could not find the function" },
    "migrations_missing",
    /supabase db push/,
  ],
  [
    "a refused key",
    401,
    { message: "Invalid API key" },
    "secret_key_refused",
    /SUPABASE_SECRET_KEYS/,
  ],
  [
    "a role without the right",
    403,
    { code: "42501", message: "permission denied" },
    "secret_key_refused",
    /SUPABASE_SECRET_KEYS/,
  ],
  [
    "a database that is down",
    503,
    { code: "PGRST002", message: "Could not query the database" },
    "database_unavailable",
    /next ring/,
  ],
];

for (const [what, status, body, code, hint] of faults) {
  Deno.test(`${what} is told as ${code}, with the next step`, async () => {
    await using server = serve(() => Response.json(body, { status }));
    await assert.rejects(database(server).checkDoorbell("x"), failsAs(code, hint));
  });
}

Deno.test("a database that cannot be reached is unavailable", async () => {
  const env: Record<string, string> = {
    SUPABASE_URL: "http://127.0.0.1:1",
    SUPABASE_SERVICE_ROLE_KEY: "k",
  };
  const db = createDatabase({ get: (name) => env[name] }, fetch);
  await assert.rejects(db.checkDoorbell("x"), failsAs("database_unavailable", /next ring/));
});

Deno.test("a database that does not answer is not waited for for ever", async () => {
  let release = () => {};
  await using server = serve(
    () => new Promise((resolve) => (release = () => resolve(Response.json(true)))),
  );
  const env: Record<string, string> = { SUPABASE_URL: server.url, SUPABASE_SERVICE_ROLE_KEY: "k" };
  const db = createDatabase({ get: (name) => env[name] }, fetch, 40);
  await assert.rejects(db.checkDoorbell("x"), failsAs("database_unavailable", /next ring/));
  release();
});

Deno.test("an answer of another shape is told as a difference of versions", async () => {
  await using server = serve(() => Response.json({ yes: true }));
  await assert.rejects(
    database(server).checkDoorbell("x"),
    failsAs("unexpected_answer", /same version/),
  );
});

Deno.test("a missing key is told on the first call, not when the function starts", async () => {
  await using server = serve(() => Response.json(true));
  const db = database(server, { SUPABASE_SECRET_KEYS: "" });
  await assert.rejects(
    db.checkDoorbell("x"),
    (error) => error instanceof ConfigurationError && error.code === "missing_secret_key",
  );
  assert.equal(server.received.length, 0);
});
