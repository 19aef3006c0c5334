import assert from "node:assert/strict";
import { every, hostile } from "../testing/notifications.ts";
import { byteLength } from "../../_shared/text.ts";
import { renderWebhook } from "./webhook.ts";
import { webhookBody, webhookJsonSchema } from "./webhook_schema.ts";

const types: Record<string, string> = {
  failure: "run.failed",
  summary: "run.failed.summary",
  firing: "alert.firing",
  repeat: "alert.repeated",
  escalation: "alert.escalated",
  resolved: "alert.resolved",
  digest: "digest",
  test: "test",
};

Deno.test("every body is as the schema says, with nothing that it does not name", () => {
  for (const [name, one] of [...Object.entries(every), ["hostile", hostile] as const]) {
    const body = renderWebhook(one, {
      template: name === "firing" ? "{{title}}\n{{facts}}" : null,
    });
    assert.ok(byteLength(body) < 20_000);
    const parsed: unknown = JSON.parse(body);
    assert.deepEqual(webhookBody.parse(parsed), parsed, name);
    if (name in types) assert.equal(webhookBody.parse(parsed).type, types[name]);
  }
});

Deno.test("the schema that is published is this one", async () => {
  const file = new URL("../../../../docs/reference/webhook-v1.schema.json", import.meta.url);
  const published: unknown = JSON.parse(await Deno.readTextFile(file));
  assert.deepEqual(published, JSON.parse(JSON.stringify(webhookJsonSchema())));
});
