import assert from "node:assert/strict";
import { serve, type TestServer } from "../../_shared/testing/servers.ts";
import { version } from "../../_shared/version.ts";
import type { Connection, SendContext } from "./forwarder.ts";
import { sentry } from "./sentry.ts";
import { outbound, readEnvelope } from "./testing/fixtures.ts";
import { outgoingTo } from "./testing/outgoing.ts";
import { sentryEventSchema } from "./testing/sentry_schema.ts";

const now = new Date("2026-11-21T10:00:00Z");

function connect(server: TestServer, path = "/7"): Connection {
  const dsn = `http://public@${server.host}${path}`;
  const connection = sentry.connect({ get: (name) => (name === "SENTRY_DSN" ? dsn : undefined) });
  assert.ok(connection !== undefined && !("problem" in connection));
  return connection;
}

function context(server: TestServer): SendContext {
  return { outgoing: outgoingTo(server), now: () => now };
}

Deno.test("without SENTRY_DSN there is nothing to do; one that is none is a problem", () => {
  assert.equal(sentry.connect({ get: () => undefined }), undefined);
  assert.equal(sentry.connect({ get: () => "  " }), undefined);
  assert.ok("problem" in (sentry.connect({ get: () => "https://sentry.io" }) ?? {}));
});

Deno.test("an error is posted as an envelope with one event", async () => {
  await using server = serve(() => Response.json({ id: "7c1d2e3f00004000800000000000000a" }));
  const sent = await connect(server, "/prefix/7").send(outbound(), context(server));
  assert.deepEqual(sent, { outcome: "forwarded", httpStatus: 200 });
  const [request] = server.received;
  assert.ok(request !== undefined);
  assert.deepEqual([request.method, request.path], ["POST", "/prefix/api/7/envelope/"]);
  assert.equal(
    request.headers.get("x-sentry-auth"),
    `Sentry sentry_version=7, sentry_client=tocsin.supabase/${version}, sentry_key=public`,
  );
  assert.equal(request.headers.get("content-type"), "application/x-sentry-envelope");
  const { header, item, event } = readEnvelope(request.body);
  assert.deepEqual(header, {
    event_id: "7c1d2e3f00004000800000000000000a",
    sent_at: "2026-11-21T10:00:00.000Z",
    sdk: { name: "tocsin.supabase", version },
  });
  assert.equal(item["type"], "event");
  sentryEventSchema.parse(event);
  assert.equal(event["timestamp"], "2026-11-20T09:02:11.412Z");
});

const refusals: [number, Record<string, string>, object][] = [
  [200, { "x-sentry-rate-limits": "120:error:key" }, { outcome: "forwarded", pauseMs: 120_000 }],
  [200, { "x-sentry-rate-limits": "120:transaction:key" }, { outcome: "forwarded" }],
  [429, { "retry-after": "30" }, { outcome: "limited", pauseMs: 30_000 }],
  [429, {}, { outcome: "limited", pauseMs: 60_000 }],
  [
    429,
    { "x-sentry-rate-limits": "2700:default;error:organization:quota", "retry-after": "1" },
    { outcome: "limited", pauseMs: 2_700_000 },
  ],
  [400, {}, { outcome: "dead" }],
  [422, {}, { outcome: "dead" }],
  [401, {}, { outcome: "away" }],
  [403, {}, { outcome: "away" }],
  [404, {}, { outcome: "away" }],
  [301, { location: "https://elsewhere.example" }, { outcome: "away" }],
  [500, {}, { outcome: "failed" }],
  [502, {}, { outcome: "away" }],
  [503, { "retry-after": "5" }, { outcome: "away", pauseMs: 5_000 }],
];

for (const [status, headers, expected] of refusals) {
  Deno.test(
    `${status} with ${JSON.stringify(headers)} means ${JSON.stringify(expected)}`,
    async () => {
      await using server = serve(() => new Response('{"detail":"because"}', { status, headers }));
      const sent = await connect(server).send(outbound(), context(server));
      const { error, httpStatus, ...rest } = { error: undefined, ...sent };
      assert.deepEqual(rest, expected);
      assert.equal(httpStatus, status);
      if (status >= 300)
        assert.match(
          error ?? "",
          new RegExp(`^Sentry at ${server.host} answered ${status}: .*because`),
        );
      if ([401, 403, 404].includes(status)) assert.match(error ?? "", /SENTRY_DSN/);
      assert.equal(server.received.length, 1);
    },
  );
}

Deno.test("what is too large is sent once more, smaller, under the same id", async () => {
  await using server = serve(({ body }) =>
    body.length > 10_000 ? new Response(null, { status: 413 }) : Response.json({ id: "x" }),
  );
  const big = outbound({ metadata: { big: "x".repeat(60_000) } });
  const sent = await connect(server).send(big, context(server));
  assert.deepEqual(sent, { outcome: "forwarded", httpStatus: 200 });
  const ids = server.received.map(({ body }) => readEnvelope(body).event["event_id"]);
  assert.deepEqual(ids, Array(2).fill("7c1d2e3f00004000800000000000000a"));
});

Deno.test("what is too large even then is given up", async () => {
  await using server = serve(() => new Response(null, { status: 413 }));
  const sent = await connect(server).send(outbound(), context(server));
  assert.deepEqual(sent, {
    outcome: "dead",
    httpStatus: 413,
    error: `Sentry at ${server.host} answered 413.`,
  });
  assert.equal(server.received.length, 2);
});

Deno.test("what is larger than Sentry ever takes is made smaller before it is sent", async () => {
  await using server = serve(() => Response.json({ id: "x" }));
  await connect(server).send(outbound({ metadata: { a: "x".repeat(200_000) } }), context(server));
  assert.equal(server.received.length, 1);
  assert.ok((server.received[0]?.body.length ?? 0) < 20_000);
});

Deno.test("who does not answer, or may not be sent to, is away", async () => {
  await using server = serve(() => new Response());
  for (const place of ["http://k3y@127.0.0.1:1", "https://k3y@10.0.0.1", "http://k3y@a.example"]) {
    const connection = sentry.connect({ get: () => `${place}/7` });
    assert.ok(connection !== undefined && !("problem" in connection));
    const sent = await connection.send(outbound(), context(server));
    assert.equal(sent.outcome, "away");
    assert.ok("error" in sent && !sent.error.includes("k3y"), JSON.stringify(sent));
  }
});
