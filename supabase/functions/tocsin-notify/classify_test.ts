import assert from "node:assert/strict";
import { OutgoingError } from "../_shared/net/outgoing.ts";
import { classifyResendError, classifyWebhookAnswer, classifyWebhookFailure } from "./classify.ts";

const now = new Date("2026-11-21T09:00:00Z");

function answer(status: number, headers: Record<string, string> = {}, body = "") {
  const map = new Map(Object.entries(headers));
  return classifyWebhookAnswer({ status, headers: map, body, truncated: false }, "a.example", now);
}

function refusal(status: number, name: string, message = "why", retryAfter: string | null = null) {
  return classifyResendError({ status, name, message, retryAfter, response: "{}" }, now);
}

Deno.test("any 2xx is delivered, whatever it says", () => {
  for (const status of [200, 201, 202, 204, 299]) {
    const result = answer(status, {}, "error: no");
    assert.equal(result.outcome, "delivered");
    assert.equal(result.httpStatus, status);
  }
});

Deno.test("410 is dead at once", () => {
  const result = answer(410);
  assert.equal(result.outcome, "dead");
  assert.ok(result.outcome === "dead" && result.error.startsWith("gone: a.example answered 410"));
});

Deno.test("everything else is tried again, 4xx included", () => {
  for (const status of [400, 401, 403, 404, 409, 418, 422, 500, 502, 599]) {
    const result = answer(status, { "retry-after": "600" });
    assert.ok(result.outcome === "retry" && result.retryAfterMs === undefined, String(status));
  }
});

Deno.test("a redirect is a failure that names where it pointed, on one line", () => {
  const result = answer(301, { location: "https://b.example/\r\nx" });
  assert.ok(result.outcome === "retry");
  assert.match(
    result.error,
    /^a\.example answered 301, and redirects are not followed: if https:\/\/b\.example\/ x is right/,
  );
});

Deno.test("429 and 503 are asked for how long; a 429 that does not say is overrun", () => {
  for (const status of [429, 503]) {
    const result = answer(status, { "retry-after": "Sat, 21 Nov 2026 09:00:30 GMT" });
    assert.ok(result.outcome === "retry" && result.retryAfterMs === 30_000);
  }
  const busy = answer(429);
  assert.ok(busy.outcome === "retry" && busy.overloaded === true);
  const down = answer(503, { "retry-after": "later" });
  assert.ok(down.outcome === "retry" && down.overloaded === false);
});

Deno.test("an address that may not be sent to is dead, what may pass is tried again", () => {
  for (const code of ["blocked", "invalid"] as const) {
    assert.equal(classifyWebhookFailure(new OutgoingError(code, "no")).outcome, "dead");
  }
  for (const code of ["unreachable", "tls", "protocol", "timeout"] as const) {
    const result = classifyWebhookFailure(new OutgoingError(code, "no"));
    assert.ok(result.outcome === "retry" && result.overloaded === (code === "timeout"));
  }
  assert.throws(() => classifyWebhookFailure(new TypeError("a mistake of ours")), TypeError);
});

Deno.test("Resend: a wrong key is tried again and says what to check", () => {
  for (const [status, name] of [
    [401, "missing_api_key"],
    [403, "invalid_api_key"],
  ] as const) {
    const result = refusal(status, name, "API key is invalid");
    assert.ok(result.outcome === "retry");
    assert.match(result.error, /API key is invalid.*RESEND_API_KEY and TOCSIN_EMAIL_FROM/);
  }
});

Deno.test("Resend: a message that is wrong in itself is dead, with Resend's words", () => {
  for (const status of [400, 422]) {
    const result = refusal(status, "validation_error", "Invalid `to` field.");
    assert.ok(result.outcome === "dead");
    assert.equal(result.error, `Resend answered ${status} validation_error: Invalid \`to\` field.`);
  }
});

Deno.test("Resend: the pace it asks for is kept, and its own faults are tried again", () => {
  const paced = refusal(429, "rate_limit_exceeded", "slow down", "2");
  assert.ok(paced.outcome === "retry" && paced.retryAfterMs === 2_000);
  for (const status of [404, 409, 500, 502, 503]) {
    assert.equal(refusal(status, "application_error").outcome, "retry", String(status));
  }
});

Deno.test("Resend: the same id with another text is dead and not called delivered", () => {
  const result = refusal(409, "invalid_idempotent_request");
  assert.ok(result.outcome === "dead");
  assert.match(result.error, /most likely an earlier attempt was sent/);
});
