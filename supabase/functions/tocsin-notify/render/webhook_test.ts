import assert from "node:assert/strict";
import { byteLength } from "../../_shared/text.ts";
import { heldBack, notification } from "../testing/fixtures.ts";
import { maxBodyBytes, renderWebhook } from "./webhook.ts";

Deno.test("the body says its type, when it was decided, and everything a receiver needs", () => {
  const body = JSON.parse(renderWebhook(notification()));
  assert.equal(body.type, "run.failed");
  assert.equal(body.timestamp, "2026-11-21T09:02:13.000Z");
  assert.equal(body.data.version, 1);
  assert.equal(body.data.workflow_name, "order-import");
  assert.equal(body.data.event.node, "createContact");
  assert.equal(body.data.event.message, "HTTP 502 from createContact");
  assert.equal(body.data.event.run_url, "https://app.example/runs/8f3c2a44");
  assert.equal(body.data.setting.name, "Every failed run");
  assert.equal(body.data.held_back, null);
  assert.equal(body.data.purpose, "first");
  assert.deepEqual(body.data.throttle, { limit: 1, window_seconds: 300 });
  assert.equal(body.data.decided_at, "2026-11-21T09:02:13+00:00");
  assert.equal("truncated" in body.data, false);
});

Deno.test("a summary and a test say so in their type", () => {
  const summary = notification({ purpose: "summary", held_back: heldBack(12) });
  const body = JSON.parse(renderWebhook(summary));
  assert.equal(body.type, "run.failed.summary");
  assert.equal(body.data.held_back.count, 12);
  assert.equal(body.data.held_back.runs.length, 10);
  assert.equal(body.data.held_back.runs[0].run_id, "run-12");
  const test = JSON.parse(renderWebhook(notification({ purpose: "test", event: null })));
  assert.equal(test.type, "test");
  assert.equal(test.data.event, null);
});

Deno.test("the same notification gives the same bytes", () => {
  assert.equal(renderWebhook(notification()), renderWebhook(notification()));
});

for (const [what, character] of [
  ["letters", "x"],
  ["three-byte characters", "€"],
  ["quotes", '"'],
] as const) {
  Deno.test(`a body of too many ${what} is cut to less than 20 kB, with a mark`, () => {
    const long = character.repeat(50_000);
    const held = heldBack(500);
    const runs = (held["runs"] as object[]).map((run) => ({ ...run, message: long, node: long }));
    const body = renderWebhook(
      notification(
        { purpose: "summary", workflow_name: long, held_back: { ...held, runs } },
        { message: long, run_id: long, run_url: "https://app.example/" + "x".repeat(5_000) },
      ),
    );
    assert.ok(byteLength(body) < maxBodyBytes, `${byteLength(body)} bytes`);
    const { data } = JSON.parse(body);
    assert.equal(data.truncated, true);
    assert.ok(data.event.message.endsWith("…"));
    assert.equal(data.event.run_url, null, "half a link is none");
    assert.equal(data.held_back.count, 500, "the count is never cut");
  });
}

Deno.test("only the message is cut when that is enough", () => {
  const body = JSON.parse(
    renderWebhook(
      notification({ purpose: "summary", held_back: heldBack(3) }, { message: "m".repeat(30_000) }),
    ),
  );
  assert.equal(body.data.event.message.length, 8_000);
  assert.equal(body.data.held_back.runs.length, 3);
  assert.equal(body.data.workflow_name, "order-import");
});

Deno.test("secrets that slipped through and control characters do not leave", () => {
  const body = renderWebhook(notification({}, { message: "Bearer abcdef0123456789\u0000\u202e!" }));
  assert.equal(JSON.parse(body).data.event.message, "Bearer [redacted:credentials]!");
});
