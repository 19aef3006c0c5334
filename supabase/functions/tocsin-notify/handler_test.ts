import assert from "node:assert/strict";
import { Webhook } from "standardwebhooks";
import { ConfigurationError } from "../_shared/env.ts";
import { serve, type TestServer } from "../_shared/testing/servers.ts";
import { createDatabase, DatabaseError } from "./db.ts";
import { createHandler } from "./handler.ts";
import {
  claim,
  fakeDatabase,
  rawNotification,
  recordingLog,
  ring,
  ringAndWait,
  secret,
  testDeps,
  token,
} from "./testing/fixtures.ts";

function hook(server: TestServer, more: object = {}) {
  return claim({ channel_config: { url: `${server.url}/hooks/ops`, ...more } });
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 1));
}

function handlerFor(server: TestServer, db: ReturnType<typeof fakeDatabase>, values = {}) {
  return createHandler(
    testDeps({
      db,
      fetch,
      values: { TOCSIN_ALLOW_INSECURE_HOSTS: server.host, ...values },
    }),
  );
}

Deno.test(
  "without a valid token, or with another method, it is 401 and nothing is claimed",
  async () => {
    const db = fakeDatabase([claim()]);
    const handle = createHandler(testDeps({ db }));
    const url = "http://127.0.0.1/tocsin-notify";
    const requests = [
      new Request(url, { method: "POST", body: '{"type":"drain"}' }),
      ring({ type: "drain" }, { "x-tocsin-token": "wrong" }),
      ring({ type: "drain" }, { "x-tocsin-token": "x".repeat(10_000) }),
      ring("no sense at all", { "x-tocsin-token": "wrong" }),
      new Request(url, { headers: { "x-tocsin-token": token } }),
      new Request(url, { method: "DELETE", headers: { "x-tocsin-token": token } }),
    ];
    for (const request of requests) {
      const answer = await handle(request);
      assert.equal(answer.status, 401);
      const { error } = await answer.json();
      assert.equal(error.code, "unauthorized");
      assert.deepEqual(Object.keys(error), ["code", "message", "hint"]);
    }
    assert.equal(db.claims, 0);
  },
);

Deno.test("the token is never logged, whatever goes wrong", async () => {
  const log = recordingLog();
  const db = fakeDatabase([claim()]);
  db.recordAttempt = () => Promise.reject(new Error("gone"));
  await createHandler(testDeps({ db, log }))(ringAndWait());
  db.claimDeliveries = () => Promise.reject(new Error("gone"));
  await createHandler(testDeps({ db, log }))(ring());
  db.checkDoorbell = () => Promise.reject(new Error("gone"));
  await createHandler(testDeps({ db, log }))(ring());
  await until(() => log.lines.length >= 3);
  assert.ok(!JSON.stringify(log.lines).includes(token));
});

Deno.test("a body that is not a drain is 400 with what is wrong", async () => {
  const bodies = [
    {},
    { type: "stop" },
    "drain",
    { type: "drain", wait: "yes" },
    { type: "drain", pad: "x".repeat(5_000) },
  ];
  for (const body of bodies) {
    const answer = await createHandler(testDeps())(ring(body));
    assert.equal(answer.status, 400);
    const { error } = await answer.json();
    assert.equal(error.code, "invalid_body");
    assert.ok(error.issues.length > 0);
  }
});

const faults: [Error, number, string][] = [
  [new DatabaseError("schema_not_exposed", "m", "h"), 503, "schema_not_exposed"],
  [new DatabaseError("database_unavailable", "m", "h"), 503, "database_unavailable"],
  [new ConfigurationError("missing_secret_key", "m", "h"), 500, "missing_secret_key"],
  [new TypeError("secret internals"), 500, "unexpected"],
];

for (const [fault, status, code] of faults) {
  Deno.test(`${fault.name} is answered ${status} ${code}, short and in the one shape`, async () => {
    const db = fakeDatabase([]);
    db.checkDoorbell = () => Promise.reject(fault);
    const answer = await createHandler(testDeps({ db }))(ring());
    assert.equal(answer.status, status);
    const body = await answer.text();
    assert.equal(JSON.parse(body).error.code, code);
    assert.ok(body.length < 500 && !body.includes("internals"));
  });
}

Deno.test(
  "a webhook arrives signed, with its id, its type and the channel's own headers",
  async () => {
    await using server = serve(() => new Response("thanks"));
    const row = hook(server, {
      headers: {
        Authorization: "Bearer of-good-news",
        "X-Team": "ops",
        "Webhook-Id": "forged",
        "Content-Type": "text/plain",
        "content-length": "1",
        Host: "evil.example",
      },
    });
    const db = fakeDatabase([row]);
    const answer = await handlerFor(server, db)(ringAndWait());
    assert.equal(answer.status, 200);
    assert.deepEqual(await answer.json(), {
      claimed: 1,
      delivered: 1,
      retried: 0,
      dead: 0,
      released: 0,
      unrecorded: 0,
    });
    const [request] = server.received;
    assert.ok(request !== undefined);
    assert.equal(request.path, "/hooks/ops");
    const headers = Object.fromEntries(request.headers);
    assert.equal(headers["webhook-id"], `msg_${row.delivery_id}`);
    assert.equal(headers["content-type"], "application/json");
    assert.equal(headers["host"], server.host);
    assert.match(headers["user-agent"] ?? "", /^Tocsin\/\d/);
    assert.equal(headers["authorization"], "Bearer of-good-news");
    assert.equal(headers["x-team"], "ops");
    const body = new Webhook(secret).verify(request.body, headers) as { type: string };
    assert.equal(body.type, "run.failed");
    assert.equal(db.recorded[0]?.httpStatus, 200);
    assert.equal(db.recorded[0]?.response, "thanks");
  },
);

Deno.test(
  "500 twice and then 200: the same id and body three times, three attempts recorded",
  async () => {
    await using server = serve(
      (_request, number) => new Response("", { status: number < 3 ? 500 : 200 }),
    );
    const db = fakeDatabase([hook(server)], { retries: true });
    const handle = handlerFor(server, db);
    const outcomes = [];
    for (let rings = 0; rings < 3; rings += 1)
      outcomes.push(await (await handle(ringAndWait())).json());
    assert.deepEqual(
      outcomes.map(({ retried, delivered }) => [retried, delivered]),
      [
        [1, 0],
        [1, 0],
        [0, 1],
      ],
    );
    assert.deepEqual(
      db.recorded.map(({ attempt, outcome }) => [attempt, outcome]),
      [
        [1, "retry"],
        [2, "retry"],
        [3, "delivered"],
      ],
    );
    assert.equal(
      new Set(server.received.map((request) => request.headers.get("webhook-id"))).size,
      1,
    );
    assert.equal(new Set(server.received.map((request) => request.body)).size, 1);
  },
);

Deno.test("429 with Retry-After is tried again no earlier than asked", async () => {
  await using server = serve(
    () => new Response("", { status: 429, headers: { "retry-after": "600" } }),
  );
  const db = fakeDatabase([hook(server)]);
  await handlerFor(server, db)(ringAndWait());
  const [attempt] = db.recorded;
  assert.ok(attempt?.nextAttemptAt);
  const wait = attempt.nextAttemptAt.getTime() - attempt.finishedAt.getTime();
  assert.ok(wait >= 600_000 && wait <= 720_000, String(wait));
});

Deno.test("an address inside is dead at once, with why and what to do", async () => {
  await using server = serve(() => new Response("inside"));
  const rows = [
    hook(server),
    claim({ channel_config: { url: `https://127.0.0.1:${server.port}/` } }),
    claim({ channel_config: { url: "https://rebound.example.test/" } }),
  ];
  const db = fakeDatabase(rows);
  const deps = testDeps({ db, resolve: () => Promise.resolve(["169.254.169.254"]) });
  const answer = await createHandler(deps)(ringAndWait());
  assert.equal((await answer.json()).dead, 3);
  const errors = db.recorded.map((attempt) => attempt.error).join("\n");
  assert.match(errors, /is not https\. Use an https address/);
  assert.match(errors, /127\.0\.0\.1 is a loopback address and is not sent to/);
  assert.match(
    errors,
    /rebound\.example\.test resolves to 169\.254\.169\.254, which is a cloud metadata address/,
  );
  assert.equal(server.received.length, 0);
});

Deno.test("nothing leaves unsigned", async () => {
  await using server = serve(() => new Response("ok"));
  const db = fakeDatabase([
    { ...hook(server), channel_secrets: [] },
    { ...hook(server), channel_secrets: ["plain"] },
  ]);
  const answer = await handlerFor(server, db)(ringAndWait());
  assert.equal((await answer.json()).retried, 2);
  assert.match(db.recorded[0]?.error ?? "", /no secret to sign with.*tocsin\.doctor\(\)/);
  assert.match(db.recorded[1]?.error ?? "", /whsec_/);
  assert.equal(server.received.length, 0);
});

Deno.test("an email and a webhook leave in one drain", async () => {
  await using server = serve(() => Response.json({ id: "email-1" }));
  const email = claim({
    channel_id: "mail",
    channel_kind: "email",
    channel_config: { to: ["ops@shop.example"] },
  });
  const db = fakeDatabase([email, hook(server)]);
  const answer = await handlerFor(server, db, {
    RESEND_API_KEY: "re_test",
    RESEND_BASE_URL: server.url,
    TOCSIN_EMAIL_FROM: "alerts@shop.example",
  })(ringAndWait());
  assert.equal((await answer.json()).delivered, 2);
  assert.deepEqual(server.received.map((request) => request.path).sort(), [
    "/emails",
    "/hooks/ops",
  ]);
  assert.equal(
    db.recorded.find((attempt) => attempt.deliveryId === email.delivery_id)?.providerId,
    "email-1",
  );
});

Deno.test(
  "a ring is answered 202 at once, while a slow receiver is still being sent to",
  async () => {
    let answerReceiver = () => {};
    await using server = serve(
      () => new Promise((resolve) => (answerReceiver = () => resolve(new Response("at last")))),
    );
    const db = fakeDatabase([hook(server)]);
    const kept: Promise<unknown>[] = [];
    const deps = testDeps({
      db,
      keepAlive: (work) => kept.push(work),
      values: { TOCSIN_ALLOW_INSECURE_HOSTS: server.host },
    });
    const answer = await createHandler(deps)(ring());
    assert.equal(answer.status, 202);
    assert.deepEqual(await answer.json(), { accepted: true });
    await until(() => server.received.length === 1);
    assert.equal(db.recorded.length, 0, "the receiver has not answered yet");
    assert.equal(kept.length, 1, "and the function is kept alive for it");
    answerReceiver();
    await kept[0];
    assert.equal(db.recorded[0]?.outcome, "delivered");
  },
);

Deno.test(
  "rung again during a drain, that one looks again and the second has nothing to count",
  async () => {
    let answerFirst = () => {};
    await using server = serve((_request, number) =>
      number === 1
        ? new Promise((resolve) => (answerFirst = () => resolve(new Response("late"))))
        : new Response("ok"),
    );
    const db = fakeDatabase([hook(server)]);
    const handle = handlerFor(server, db);
    const first = handle(ringAndWait());
    await until(() => server.received.length === 1);
    db.due.push(hook(server));
    const second = await (await handle(ringAndWait())).json();
    assert.equal(second.claimed, 0);
    await until(() => server.received.length === 2);
    answerFirst();
    assert.equal((await (await first).json()).delivered, 2);
    const third = await (await handle(ringAndWait())).json();
    assert.equal(third.claimed, 0, "and after it a ring drains anew");
  },
);

Deno.test(
  "a drain that fails in the background is logged, and the next ring is served",
  async () => {
    const kept: Promise<unknown>[] = [];
    const db = fakeDatabase([]);
    const claimNow = db.claimDeliveries;
    db.claimDeliveries = () =>
      Promise.reject(new DatabaseError("migrations_missing", "gone", "push"));
    const log = recordingLog();
    const handle = createHandler(testDeps({ db, log, keepAlive: (work) => kept.push(work) }));
    assert.equal((await handle(ring())).status, 202);
    await kept[0];
    const line = log.lines.find(({ event }) => event === "migrations_missing");
    assert.equal(line?.level, "error");
    assert.match(line?.text ?? "", /gone.*push/);
    db.claimDeliveries = claimNow;
    assert.equal((await handle(ringAndWait())).status, 200);
  },
);

Deno.test(
  "the drain is kept alive should the ringer hang up, and who waits is told of its failure",
  async () => {
    const kept: Promise<unknown>[] = [];
    const db = fakeDatabase([]);
    db.claimDeliveries = () =>
      Promise.reject(new DatabaseError("database_unavailable", "gone", "h"));
    const handle = createHandler(testDeps({ db, keepAlive: (work) => kept.push(work) }));
    const answer = await handle(ringAndWait());
    assert.equal(answer.status, 503);
    assert.equal((await answer.json()).error.code, "database_unavailable");
    assert.equal(kept.length, 1);
    await kept[0];
  },
);

Deno.test("the whole function, over a Data API: checked, claimed, sent, recorded", async () => {
  await using receiver = serve(() => new Response("ok"));
  const row = {
    delivery_id: "00000000-0000-4000-8000-00000000f00d",
    attempt: 1,
    channel_id: "00000000-0000-4000-8000-0000000000c1",
    channel_kind: "webhook",
    channel_name: "Ops",
    channel_config: { url: `${receiver.url}/` },
    channel_secrets: [secret],
    created_at: "2026-11-21T09:00:00+00:00",
    notification: rawNotification(),
  };
  const rows = [row];
  await using api = serve(({ path, body }) => {
    const args = JSON.parse(body);
    if (path.endsWith("/check_doorbell")) return Response.json(args.p_token === token);
    if (path.endsWith("/claim_deliveries")) return Response.json(rows.splice(0));
    if (path.endsWith("/record_attempts")) return Response.json(["delivered"]);
    return new Response("", { status: 500 });
  });
  const values: Record<string, string> = {
    SUPABASE_URL: api.url,
    SUPABASE_SERVICE_ROLE_KEY: "legacy",
    TOCSIN_ALLOW_INSECURE_HOSTS: receiver.host,
  };
  const env = { get: (name: string) => values[name] };
  const handle = createHandler({ ...testDeps({ db: createDatabase(env, fetch) }), env });
  const answer = await handle(ringAndWait());
  assert.equal((await answer.json()).delivered, 1);
  const calls = api.received.map((request) => request.path.split("/").at(-1));
  assert.deepEqual(calls.slice(0, 2), ["check_doorbell", "claim_deliveries"]);
  const record = api.received.find((request) => request.path.endsWith("/record_attempts"));
  const [recorded] = JSON.parse(record?.body ?? "{}").p_attempts;
  assert.equal(recorded.outcome, "delivered");
  assert.equal(recorded.http_status, 200);
  assert.equal((await handle(ring({ type: "drain" }, { "x-tocsin-token": "wrong" }))).status, 401);
});

Deno.test("who rings rightly has the environment announced, and nobody else", async () => {
  let announced = 0;
  const announce = () => {
    announced += 1;
    return Promise.resolve();
  };
  const handle = createHandler({ ...testDeps({ db: fakeDatabase([]) }), announce });
  assert.equal((await handle(new Request("http://127.0.0.1/", { method: "POST" }))).status, 401);
  assert.equal(announced, 0);
  assert.equal((await handle(ringAndWait())).status, 200);
  assert.equal(announced, 1);
});
