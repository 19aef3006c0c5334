import assert from "node:assert/strict";
import { version } from "../../_shared/version.ts";
import { renderSentryEvent, shrinkSentryEvent } from "./sentry_event.ts";
import { outbound } from "./testing/fixtures.ts";
import { sentryEventSchema } from "./testing/sentry_schema.ts";

Deno.test("an error is an event with everything in its field", () => {
  const event = renderSentryEvent(outbound());
  sentryEventSchema.parse(event);
  const { contexts, exception, ...rest } = event;
  assert.deepEqual(rest, {
    event_id: "7c1d2e3f00004000800000000000000a",
    timestamp: "2026-11-20T09:02:11.412Z",
    platform: "node",
    level: "error",
    logger: "tocsin.worker",
    sdk: { name: "tocsin.supabase", version },
    fingerprint: ["shop", "0123456789abcdef"],
    transaction: "order-import / createContact",
    environment: "production",
    release: "shop@1.4.2",
    server_name: "worker-3",
    user: { id: "user-17" },
    tags: {
      source: "worker",
      workflow: "order-import",
      node: "createContact",
      environment: "production",
      release: "shop@1.4.2",
      component: "http-executor",
      project: "shop",
      error_type: "execution",
      severity: "medium",
      run: "8f3c2a44-1d0b-4b1e-9c61-5f3e0a7b2d19",
      http_status: "502",
    },
    extra: { order: { id: 4711 }, server_name: "worker-3" },
  });
  assert.deepEqual(contexts["response"], { type: "response", status_code: 502 });
  assert.equal(contexts["tocsin"]?.["link"], outbound().link);
  assert.equal(contexts["tocsin"]?.["run_link"], "https://app.example/runs/8f3c2a44");
  assert.equal(contexts["tocsin"]?.["attempt"], 5);
  assert.deepEqual(exception, {
    values: [
      {
        type: "TypeError",
        value: "Cannot read properties of undefined (reading 'id')",
        mechanism: { type: "tocsin.run" },
        stacktrace: {
          frames: [
            {
              filename: "/app/src/worker.js",
              abs_path: "/app/src/worker.js",
              lineno: 7,
              colno: 1,
              in_app: true,
            },
            {
              filename: "node:internal/process/task_queues",
              function: "process.processTicksAndRejections",
              lineno: 95,
              colno: 5,
              in_app: false,
            },
            {
              filename: "/app/node_modules/lib/index.js",
              abs_path: "/app/node_modules/lib/index.js",
              function: "run",
              lineno: 3,
              colno: 4,
              in_app: false,
            },
            {
              filename: "/app/src/billing/charge.ts",
              abs_path: "/app/src/billing/charge.ts",
              function: "charge",
              lineno: 10,
              colno: 5,
              in_app: true,
            },
          ],
        },
      },
    ],
  });
});

Deno.test("what says little is an event all the same, without a field that is not known", () => {
  const nothing = Object.fromEntries(
    [
      ...["project_id", "workflow_id", "workflow_name", "source_id", "run_id", "node", "attempt"],
      ...["user_id", "component", "environment", "release", "exception", "http_status"],
      ...["message", "stack", "run_url", "group_id"],
    ].map((name) => [name, null]),
  );
  const event = renderSentryEvent(outbound({ ...nothing, metadata: {} }, { link: undefined }));
  sentryEventSchema.parse(event);
  assert.deepEqual(event.logentry, { formatted: "execution" });
  assert.deepEqual(event.fingerprint, ["0123456789abcdef"]);
  assert.equal(event.platform, "other");
  const absent = ["user", "server_name", "environment", "release", "exception", "extra"];
  for (const name of [...absent, "transaction"]) assert.ok(!(name in event), name);
  assert.deepEqual(event.tags, { source: "worker", error_type: "execution", severity: "medium" });
});

Deno.test("severities are levels of their own", () => {
  const levelOf = (severity: string) => renderSentryEvent(outbound({ severity })).level;
  assert.deepEqual(["low", "medium", "high"].map(levelOf), ["warning", "error", "fatal"]);
});

Deno.test("an error that names no environment or release is given the function's", () => {
  const own = { environment: "staging", release: "2.0.0" };
  const event = renderSentryEvent(outbound({ environment: null, release: "" }, own));
  assert.equal(event.environment, "staging");
  assert.equal(event.release, "2.0.0");
});

Deno.test("what Sentry would throw away is put right", () => {
  const event = renderSentryEvent(
    outbound({
      environment: `preview/${"x".repeat(100)}`,
      release: "feature/a\nb",
      node: `two\nlines ${"y".repeat(300)}`,
      component: "  \n ",
      metadata: { type: "os", name: 5, server_name: ["no", "text"] },
    }),
  );
  sentryEventSchema.parse(event);
  assert.match(event.environment ?? "", /^preview-x+…$/);
  assert.equal(event.release, "feature-a b");
  assert.equal(event.tags["node"]?.length, 200);
  assert.ok(!("component" in event.tags) && !("server_name" in event));
  for (const name of ["none", "NONE"]) {
    assert.ok(!("environment" in renderSentryEvent(outbound({ environment: name }))));
  }
  for (const release of [".", "..", "latest"]) {
    assert.ok(!("release" in renderSentryEvent(outbound({ release }))));
  }
});

Deno.test("a cause comes before what it caused", () => {
  const stack = `Error: order failed
    at run (/app/a.js:1:1) {
  [cause]: RangeError: out of stock
      at take (/app/b.js:2:2) {
    [cause]: Error: deepest
        at c (/app/c.js:3:3)
  }
}`;
  const event = renderSentryEvent(outbound({ exception: "Error", message: "order failed", stack }));
  sentryEventSchema.parse(event);
  assert.deepEqual(
    event.exception?.values.map(({ type, value, mechanism }) => [type, value, mechanism]),
    [
      ["Error", "deepest", { type: "chained", exception_id: 2, parent_id: 1, source: "cause" }],
      [
        "RangeError",
        "out of stock",
        { type: "chained", exception_id: 1, parent_id: 0, source: "cause" },
      ],
      ["Error", "order failed", { type: "tocsin.run", exception_id: 0 }],
    ],
  );
});

Deno.test("hostile text stays text", () => {
  const hostile = `'"><script>alert(1)</script>\u0000\ud800 ${"🔥".repeat(300)}`;
  const names = ["workflow_name", "node", "user_id", "component", "environment", "release"];
  const event = renderSentryEvent(
    outbound({
      ...Object.fromEntries([...names, "exception", "message"].map((name) => [name, hostile])),
      stack: `${hostile}\n    at ${hostile} (/x.js:99999999999999999999:1)\n`.repeat(500),
    }),
  );
  sentryEventSchema.parse(event);
  assert.ok((event.exception?.values[0]?.stacktrace?.frames.length ?? 0) <= 100);
});

Deno.test("a smaller form keeps what groups it and leads back", () => {
  const big = outbound({ message: "m".repeat(8_000), metadata: { big: "x".repeat(60_000) } });
  const event = renderSentryEvent(big);
  const small = shrinkSentryEvent(event);
  sentryEventSchema.parse(small);
  assert.ok(JSON.stringify(small).length < 8_000);
  assert.deepEqual(small.fingerprint, event.fingerprint);
  assert.equal(small.event_id, event.event_id);
  assert.equal(small.contexts["tocsin"]?.["link"], big.link);
  sentryEventSchema.parse(
    shrinkSentryEvent(renderSentryEvent(outbound({ exception: null, stack: null }))),
  );
});
