// The wrappers of handlers: what they report, and that they change nothing and read nothing.

import assert from "node:assert/strict";
import { test } from "node:test";
import { createTocsin } from "../src/client.ts";
import { reportErrors } from "../src/sveltekit.ts";
import type { SentEvent } from "../src/types.ts";
import {
  maskedPath,
  type WatchOptions,
  withErrorReporting,
  withWebhookReporting,
} from "../src/watch.ts";
import { testRuntime } from "./runtime.ts";

const url = "https://ref.supabase.co";
const key = "tocsin_ik_test";

function client() {
  const events: SentEvent[] = [];
  const { runtime } = testRuntime();
  const beforeSend = (event: SentEvent) => {
    events.push(event);
    return event;
  };
  return { events, tocsin: createTocsin({ url, key, beforeSend }, runtime) };
}

/** A handler of requests that answers with a status. */
function answering(status: number): (request: Request) => Response {
  return (request) => new Response(request.method === "HEAD" ? "" : null, { status });
}

function delivery(path = "/hooks/orders?token=secret", init: RequestInit = {}): Request {
  return new Request(`https://intake.example${path}`, { method: "POST", body: "{}", ...init });
}

test("a delivery that is rejected or fails is reported, one that is taken is not", async () => {
  for (const status of [200, 202, 204, 302, 400, 401, 404, 413, 422, 429, 500, 502, 503]) {
    const { tocsin, events } = client();
    const intake = withWebhookReporting(tocsin, answering(status));
    await intake(delivery());
    assert.equal(events.length, status >= 400 ? 1 : 0, `${status}`);
    if (status < 400) continue;
    assert.equal(events[0]?.http_status, status);
    assert.equal(events[0].source, "webhook");
    assert.equal(events[0].exception, status < 500 ? "WebhookRejected" : "WebhookFailed");
    assert.equal(events[0].message, `A webhook was answered ${status}: POST /hooks/orders`);
  }
});

test("the response is the handler's own, and no body is read", async () => {
  const { tocsin, events } = client();
  const answer = Response.json({ error: "signature" }, { status: 401 });
  const intake = withWebhookReporting<[Request], Response>(tocsin, () => answer);
  const request = delivery();
  assert.equal(await intake(request), answer, "the very same");
  assert.deepEqual([request.bodyUsed, answer.bodyUsed], [false, false]);
  assert.equal(await request.text(), "{}");
  assert.deepEqual(await answer.json(), { error: "signature" });
  assert.equal(events.length, 1);
});

test("what is thrown is reported and thrown on, the very same", async () => {
  const { tocsin, events } = client();
  const error = new TypeError("no such table");
  const handlers: ((request: Request) => Response | Promise<Response>)[] = [
    () => {
      throw error;
    },
    () => Promise.reject(error),
  ];
  for (const handler of handlers) {
    const intake = withWebhookReporting(tocsin, handler, { component: "intake" });
    await assert.rejects(intake(delivery()), (thrown) => thrown === error);
  }
  assert.deepEqual(
    events.map(({ exception, message, source, component }) => [
      ...[exception, message, source, component],
    ]),
    Array(2).fill(["TypeError", "no such table", "webhook", "intake"]),
  );
});

test("SvelteKit's endpoints are watched too: their events, error() and redirect()", async () => {
  const { tocsin, events } = client();
  const thrown = async (status: number, more: object) => {
    const endpoint = withWebhookReporting(tocsin, ({ request }: { request: Request }): Response => {
      assert.equal(request.method, "POST");
      // eslint-disable-next-line @typescript-eslint/only-throw-error -- as SvelteKit does
      throw Object.assign(Object.create(null) as object, { status, ...more });
    });
    await assert.rejects(endpoint({ request: delivery() }));
  };
  await thrown(401, { body: { message: "No." } });
  await thrown(303, { location: "/elsewhere" });
  assert.deepEqual(
    events.map(({ http_status, message }) => [http_status, message]),
    [[401, "A webhook was answered 401: POST /hooks/orders"]],
  );
});

test("what tells a delivery from another is told, and no secret of it", async () => {
  const { tocsin, events } = client();
  const headers = {
    "content-type": "application/json",
    "user-agent": "GitHub-Hookshot/1",
    "x-github-delivery": "72d3162e",
    "webhook-signature": "v1,secret",
    authorization: "Bearer secret",
    cookie: "session=secret",
  };
  const intake = withWebhookReporting(tocsin, answering(404), {
    context: (request) => ({ workflow_id: new URL(request.url).pathname, metadata: { more: 1 } }),
  });
  await intake(delivery("/hooks/0a1b2c3d4e5f60718293?token=secret", { headers }));
  const [event] = events;
  assert.ok(event);
  const { duration_ms, ...metadata } = event.metadata ?? {};
  assert.equal(typeof duration_ms, "number");
  assert.deepEqual(metadata, {
    method: "POST",
    content_type: "application/json",
    user_agent: "GitHub-Hookshot/1",
    x_github_delivery: "72d3162e",
    path: "/hooks/:id",
    status: 404,
    more: 1,
  });
  assert.equal(event.workflow_id, "/hooks/0a1b2c3d4e5f60718293", "what you say is yours");
  assert.doesNotMatch(JSON.stringify({ ...event, workflow_id: "" }), /secret/);
});

test("options that throw cost the request nothing", async () => {
  const { tocsin, events } = client();
  const fail = () => {
    throw new Error("a bug");
  };
  const options: WatchOptions = { reports: fail, context: fail };
  const intake = withWebhookReporting(tocsin, answering(500), options);
  assert.equal((await intake(delivery())).status, 500);
  assert.equal(events.length, 1);
  const odd = withWebhookReporting(tocsin, (given: unknown) => {
    return new Response(null, { status: given === undefined ? 500 : 200 });
  });
  assert.equal((await odd(undefined)).status, 500);
});

test("an Edge Function's failures are its own, held until they are sent", async () => {
  const held: Promise<unknown>[] = [];
  const globals = globalThis as { EdgeRuntime?: unknown };
  globals.EdgeRuntime = { waitUntil: (promise: Promise<unknown>) => held.push(promise) };
  try {
    const { tocsin, events } = client();
    for (const status of [200, 401, 404, 500]) {
      await withErrorReporting(tocsin, answering(status))(delivery());
    }
    assert.deepEqual(
      events.map(({ source, error_type, http_status }) => [source, error_type, http_status]),
      [["system", "execution", undefined]],
    );
    assert.equal(held.length, 1);
  } finally {
    delete globals.EdgeRuntime;
  }
});

test("a server that goes by a handler's length passes the request, and what else it takes", () => {
  const { tocsin } = client();
  const none = () => new Response();
  const two = (request: Request, info: { ip: string }) => Response.json([request.url, info.ip]);
  assert.equal(withErrorReporting(tocsin, none).length, 1);
  assert.equal(withErrorReporting(tocsin, two).length, 2);
});

test("ids and tokens of a path are left out of it", () => {
  for (const [path, masked] of [
    ["/", "/"],
    ["/hooks/orders", "/hooks/orders"],
    ["/hooks/17/x", "/hooks/:id/x"],
    ["/hooks/6f1c9c1e-7f0e-4d54-9a39-6a4f0f1f2b11", "/hooks/:id"],
    ["/hooks/whsec_C2FVsBQIhrscChlQIM", "/hooks/:id"],
    ["/hooks/order-import-from-shopify", "/hooks/order-import-from-shopify"],
    [`/hooks/${"x".repeat(60)}`, "/hooks/:id"],
    ["/v1/stripe", "/v1/stripe"],
  ]) {
    assert.equal(maskedPath(path ?? ""), masked);
  }
});

// SvelteKit ---------------------------------------------------------------------------------------

function kitEvent(more: object = {}) {
  const location = new URL("https://shop.example/orders/17?token=secret");
  return { url: location, route: { id: "/orders/[id]" }, request: new Request(location), ...more };
}

test("handleError of SvelteKit 2 and 3 reports what is our fault, and answers as yours does", () => {
  const { tocsin, events } = client();
  const handle = reportErrors(tocsin, () => ({ message: "Sorry." }));
  const error = new TypeError("x is not a function");
  // of version 2
  assert.deepEqual(handle({ error, event: kitEvent(), status: 500 }), { message: "Sorry." });
  handle({
    error: new Error("Not found: /x"),
    event: kitEvent({ route: { id: null } }),
    status: 404,
  });
  // of version 3
  const three = (kind: string, caught: unknown) => {
    const input = { kind, error: caught, event: kitEvent() };
    handle(input);
  };
  three("unknown", error);
  three("framework", { status: 404, message: "Not Found" });
  three("app", { status: 410, message: "Gone" });
  three("app", { status: 503, message: "Closed" });
  assert.deepEqual(
    events.map(({ message, node, http_status, metadata }) => [
      ...[message, node, http_status, metadata?.["status"], metadata?.["method"]],
    ]),
    [
      ["x is not a function", "/orders/[id]", undefined, 500, "GET"],
      ["x is not a function", "/orders/[id]", undefined, 500, "GET"],
      ["Closed", "/orders/[id]", 503, 503, "GET"],
    ],
  );
  assert.doesNotMatch(JSON.stringify(events), /secret/);
});

test("handleError without one of yours answers nothing; its options may fail", () => {
  const { tocsin, events } = client();
  const input = { error: new Error("x"), event: kitEvent(), status: 500 };
  reportErrors(tocsin)(input);
  reportErrors(tocsin, undefined, { context: () => ({ user_id: "u" }) })(input);
  reportErrors(tocsin, undefined, {
    context: () => {
      throw new Error("a bug");
    },
  })(input);
  assert.deepEqual(
    events.map(({ user_id }) => user_id),
    [undefined, "u"],
  );
});

test("what a wrapper reported, handleError does not report again", async () => {
  const { tocsin, events } = client();
  const error = new Error("once");
  type Endpoint = (event: { request: Request }) => Promise<Response>;
  const fail: Endpoint = () => Promise.reject(error);
  const endpoint = withWebhookReporting(tocsin, fail);
  const handle = reportErrors(tocsin);
  for (let n = 0; n < 3; n += 1) {
    await assert.rejects(endpoint({ request: delivery() }));
    handle({ error, event: kitEvent(), status: 500 });
  }
  assert.equal(
    events.length,
    3,
    "each time once, also of one error that is thrown again and again",
  );
  handle({ error, event: kitEvent(), status: 500 });
  assert.equal(events.length, 4);
});

test("a platform that freezes requests is told to wait", () => {
  for (const name of ["ctx", "context"]) {
    const { tocsin } = client();
    let held = 0;
    const platform = { [name]: { waitUntil: () => (held += 1) } };
    reportErrors(tocsin)({ error: new Error("x"), event: kitEvent({ platform }), status: 500 });
    assert.equal(held, 1, name);
  }
});
