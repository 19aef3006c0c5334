import assert from "node:assert/strict";
import { z } from "zod";
import { serve, type TestServer } from "../../_shared/testing/servers.ts";
import { version } from "../../_shared/version.ts";
import type { Connection, SendContext } from "./forwarder.ts";
import { rollbar } from "./rollbar.ts";
import { renderRollbarItem, shrinkRollbarItem } from "./rollbar_item.ts";
import { outbound } from "./testing/fixtures.ts";
import { outgoingTo } from "./testing/outgoing.ts";

/** An item as Rollbar's API describes it, with its limits; no other field. */
const trace = z.strictObject({
  frames: z.array(
    z.strictObject({
      filename: z.string(),
      lineno: z.number().int().optional(),
      colno: z.number().int().optional(),
      method: z.string().optional(),
    }),
  ),
  exception: z.strictObject({
    class: z.string().min(1),
    message: z.string().optional(),
    description: z.string().optional(),
  }),
});
const itemSchema = z.strictObject({
  data: z.strictObject({
    environment: z.string().min(1).max(255),
    body: z.union([
      z.strictObject({ trace }),
      z.strictObject({ trace_chain: z.array(trace).min(1) }),
      z.strictObject({ message: z.strictObject({ body: z.string() }) }),
    ]),
    level: z.enum(["critical", "error", "warning", "info", "debug"]),
    timestamp: z.number().int(),
    code_version: z.string().max(40).optional(),
    platform: z.string(),
    language: z.string().optional(),
    context: z.string().max(255).optional(),
    person: z.strictObject({ id: z.string().max(40) }).optional(),
    server: z.strictObject({ host: z.string() }).optional(),
    custom: z.record(z.string(), z.unknown()),
    fingerprint: z.string().max(40),
    title: z.string().max(255),
    uuid: z.string().max(36),
    notifier: z.strictObject({ name: z.string(), version: z.string() }),
  }),
});

const now = new Date("2026-11-21T10:00:00Z");

function connect(server: TestServer): Connection {
  const env: Record<string, string> = {
    ROLLBAR_ACCESS_TOKEN: "a-post-server-item-token",
    ROLLBAR_BASE_URL: server.url,
  };
  const connection = rollbar.connect({ get: (name) => env[name] });
  assert.ok(connection !== undefined && !("problem" in connection));
  return connection;
}

function context(server: TestServer): SendContext {
  return { outgoing: outgoingTo(server), now: () => now };
}

Deno.test(
  "without ROLLBAR_ACCESS_TOKEN there is nothing to do; one that is none is a problem",
  () => {
    assert.equal(rollbar.connect({ get: () => undefined }), undefined);
    for (const token of ["tiny", "a token with blanks", "line\nbreaks-in-it"]) {
      const found = rollbar.connect({
        get: (name) => (name === "ROLLBAR_ACCESS_TOKEN" ? token : undefined),
      });
      assert.ok(found !== undefined && "problem" in found && !found.problem.includes(token));
    }
  },
);

Deno.test("an error is an item with everything in its field", () => {
  const item = renderRollbarItem(outbound());
  itemSchema.parse(item);
  const { body, custom, fingerprint, ...rest } = item.data;
  assert.deepEqual(rest, {
    environment: "production",
    level: "error",
    timestamp: Date.UTC(2026, 10, 20, 9, 2, 11) / 1_000,
    uuid: "7c1d2e3f-0000-4000-8000-00000000000a",
    title: "TypeError: Cannot read properties of undefined (reading 'id')",
    notifier: { name: "tocsin", version },
    platform: "server",
    language: "javascript",
    context: "order-import / createContact",
    code_version: "shop@1.4.2",
    person: { id: "user-17" },
    server: { host: "worker-3" },
  });
  assert.match(fingerprint, /^[0-9a-f]{40}$/);
  assert.deepEqual(custom["metadata"], { order: { id: 4711 }, server_name: "worker-3" });
  assert.ok("trace" in body);
  assert.equal(body.trace.exception.class, "TypeError");
  assert.deepEqual(body.trace.frames.at(-1), {
    filename: "/app/src/billing/charge.ts",
    lineno: 10,
    colno: 5,
    method: "charge",
  });
});

Deno.test("what says little is a message; what is too long for Rollbar is cut or hashed", () => {
  const item = renderRollbarItem(
    outbound({
      exception: null,
      stack: null,
      environment: null,
      user_id: "u".repeat(100),
      release: "r".repeat(99),
      project_id: "",
      metadata: {},
      message: "m".repeat(8_000),
    }),
  );
  itemSchema.parse(item);
  assert.deepEqual(item.data.body, { message: { body: "m".repeat(8_000) } });
  assert.equal(item.data.environment, "unknown");
  assert.equal(item.data.fingerprint, "0123456789abcdef");
  assert.match(item.data.person?.id ?? "", /^[0-9a-f]{40}$/);
  itemSchema.parse(shrinkRollbarItem(item));
});

Deno.test("a chain of causes is a chain, the outermost first", () => {
  const item = renderRollbarItem(
    outbound({ stack: "    at a (/a.js:1:1)\n  [cause]: RangeError: b\n    at b (/b.js:1:1)" }),
  );
  itemSchema.parse(item);
  assert.ok("trace_chain" in item.data.body);
  const classes = item.data.body.trace_chain.map(({ exception }) => exception.class);
  assert.deepEqual(classes, ["TypeError", "RangeError"]);
  itemSchema.parse(shrinkRollbarItem(item));
});

Deno.test("it is posted with the token, which is in the header alone", async () => {
  await using server = serve(() => Response.json({ err: 0, result: { uuid: "x" } }));
  const sent = await connect(server).send(outbound(), context(server));
  assert.deepEqual(sent, { outcome: "forwarded", httpStatus: 200 });
  const [request] = server.received;
  assert.deepEqual([request?.method, request?.path], ["POST", "/api/1/item/"]);
  assert.equal(request?.headers.get("x-rollbar-access-token"), "a-post-server-item-token");
  assert.ok(!request?.body.includes("a-post-server-item-token"));
  itemSchema.parse(JSON.parse(request?.body ?? ""));
});

const refusals: [number, Record<string, string>, object][] = [
  [429, { "x-rate-limit-remaining-seconds": "42" }, { outcome: "limited", pauseMs: 42_000 }],
  [
    429,
    { "x-rate-limit-reset": String(now.getTime() / 1_000 + 300) },
    { outcome: "limited", pauseMs: 300_000 },
  ],
  [429, {}, { outcome: "limited", pauseMs: 60_000 }],
  [400, {}, { outcome: "dead" }],
  [413, {}, { outcome: "dead" }],
  [422, {}, { outcome: "dead" }],
  [401, {}, { outcome: "away" }],
  [403, {}, { outcome: "away" }],
  [500, {}, { outcome: "failed" }],
  [503, {}, { outcome: "away" }],
];

for (const [status, headers, expected] of refusals) {
  Deno.test(
    `${status} with ${JSON.stringify(headers)} means ${JSON.stringify(expected)}`,
    async () => {
      await using server = serve(() =>
        Response.json({ err: 1, message: "because" }, { status, headers }),
      );
      const sent = await connect(server).send(outbound(), context(server));
      const { error, httpStatus, ...rest } = { error: undefined, ...sent };
      assert.deepEqual(rest, expected);
      assert.equal(httpStatus, status);
      assert.match(error ?? "", /^Rollbar answered \d+: .*because/);
      assert.equal(server.received.length, status === 413 ? 2 : 1);
    },
  );
}
