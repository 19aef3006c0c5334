import assert from "node:assert/strict";
import { serve, type TestServer } from "../../_shared/testing/servers.ts";
import { notification } from "../testing/fixtures.ts";
import type { SendContext } from "./channel.ts";
import { emailChannel } from "./email.ts";

const deliveryId = "00000000-0000-4000-8000-00000000abcd";
const accepted = () => Response.json({ id: "49a3999c-0ce1-4ea6-ab68-afcd6dc2e794" });

function context(server: TestServer | undefined, values: Record<string, string> = {}): SendContext {
  const env: Record<string, string> = {
    RESEND_API_KEY: "re_test_123456",
    TOCSIN_EMAIL_FROM: "Tocsin <alerts@shop.example>",
    ...(server === undefined ? {} : { RESEND_BASE_URL: server.url }),
    ...values,
  };
  return {
    env: { get: (name) => env[name] },
    fetch,
    outgoing: () => Promise.reject(new Error("email does not go through the guard")),
    now: () => new Date("2026-11-21T09:00:00Z"),
    timeoutMs: 30_000,
  };
}

function send(
  context: SendContext,
  config: unknown = { to: ["ops@shop.example", "b@shop.example"] },
) {
  return emailChannel.send(
    {
      deliveryId,
      channelName: "Ops mail",
      config,
      secrets: [],
      notification: notification(),
      template: null,
    },
    context,
  );
}

Deno.test("an email goes to Resend with the delivery's id as its idempotency key", async () => {
  await using server = serve(accepted);
  const result = await send(context(server));
  assert.equal(result.outcome, "delivered");
  assert.ok(result.outcome === "delivered");
  assert.equal(result.providerId, "49a3999c-0ce1-4ea6-ab68-afcd6dc2e794");
  const [request] = server.received;
  assert.equal(request?.path, "/emails");
  assert.equal(request?.headers.get("authorization"), "Bearer re_test_123456");
  assert.equal(request?.headers.get("idempotency-key"), deliveryId);
  const body = JSON.parse(request?.body ?? "");
  assert.equal(body.from, "Tocsin <alerts@shop.example>");
  assert.deepEqual(body.to, ["ops@shop.example", "b@shop.example"]);
  assert.equal(body.subject, "[Tocsin] order-import failed: HTTP 502 from createContact");
  assert.ok(body.html.startsWith("<!doctype html>") && body.text.length > 100);
  assert.equal(body.headers["Auto-Submitted"], "auto-generated");
  assert.deepEqual(
    body.tags.map((tag: { value: string }) => tag.value),
    ["run_failed", "high", "first"],
  );
});

Deno.test("two attempts ask Resend for the very same thing", async () => {
  await using server = serve(accepted);
  await send(context(server));
  await send(context(server));
  assert.equal(server.received[0]?.body, server.received[1]?.body);
});

Deno.test("a channel's own sender comes before the function's", async () => {
  await using server = serve(accepted);
  await send(context(server), { to: ["a@b.example"], from: "Shop <no-reply@shop.example>" });
  assert.equal(JSON.parse(server.received[0]?.body ?? "").from, "Shop <no-reply@shop.example>");
});

Deno.test(
  "a missing secret is waited for, and the error has the command that sets it",
  async () => {
    for (const name of ["RESEND_API_KEY", "TOCSIN_EMAIL_FROM"]) {
      const result = await send(context(undefined, { [name]: "" }));
      assert.ok(result.outcome === "retry");
      assert.match(
        result.error,
        new RegExp(`${name} is not set. Run: supabase secrets set ${name}=`),
      );
    }
  },
);

Deno.test("Resend's refusals are told in its own words", async () => {
  await using server = serve(() =>
    Response.json(
      { statusCode: 422, name: "validation_error", message: "Invalid `to` field." },
      { status: 422 },
    ),
  );
  const result = await send(context(server));
  assert.ok(result.outcome === "dead");
  assert.equal(result.httpStatus, 422);
  assert.equal(result.error, "Resend answered 422 validation_error: Invalid `to` field.");
  assert.match(result.response ?? "", /validation_error/);
});

Deno.test("an answer that is not Resend's is told as it is", async () => {
  await using server = serve(() => new Response("<h1>Bad gateway</h1>", { status: 502 }));
  const result = await send(context(server));
  assert.ok(result.outcome === "retry");
  assert.match(result.error, /^Resend answered 502 without a reason: <h1>Bad gateway/);
});

Deno.test("Resend's pace is kept", async () => {
  await using server = serve(() =>
    Response.json(
      { statusCode: 429, name: "rate_limit_exceeded", message: "Too many requests." },
      { status: 429, headers: { "retry-after": "3" } },
    ),
  );
  const result = await send(context(server));
  assert.ok(result.outcome === "retry" && result.retryAfterMs === 3_000);
});

Deno.test("a redirect is not followed, so that the key goes nowhere else", async () => {
  await using elsewhere = serve(accepted);
  await using server = serve(
    () => new Response(null, { status: 307, headers: { location: `${elsewhere.url}/emails` } }),
  );
  const result = await send(context(server));
  assert.equal(result.outcome, "retry");
  assert.equal(elsewhere.received.length, 0);
});

Deno.test("no answer in time, and no connection, are tried again", async () => {
  let release = () => {};
  await using server = serve(
    () => new Promise((resolve) => (release = () => resolve(new Response("late")))),
  );
  const late = await send({ ...context(server), timeoutMs: 40 });
  release();
  assert.ok(late.outcome === "retry" && late.overloaded === true);
  assert.match(late.error, /did not answer within 0.04 s/);
  const closed = await send(context(undefined, { RESEND_BASE_URL: "http://127.0.0.1:1" }));
  assert.ok(closed.outcome === "retry");
  assert.match(closed.error, /Resend cannot be reached/);
});

Deno.test("a channel without recipients is dead and says what is wrong", async () => {
  for (const config of [{}, { to: [] }, { to: "a@b.example" }, null]) {
    const result = await send(context(undefined), config);
    assert.ok(result.outcome === "dead");
    assert.match(result.error, /The channel "Ops mail" is not set up rightly/);
  }
});
