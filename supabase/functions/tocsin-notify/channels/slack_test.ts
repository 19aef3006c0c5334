import assert from "node:assert/strict";
import { createOutgoing } from "../../_shared/net/outgoing.ts";
import { serve, type TestServer } from "../../_shared/testing/servers.ts";
import { notification } from "../testing/fixtures.ts";
import { slackChannel } from "./slack.ts";

function post(server: TestServer, secrets = [`${server.url}/services/T0/B0/${"x".repeat(24)}`]) {
  return slackChannel.send(
    {
      deliveryId: "d",
      channelName: "Ops",
      config: {},
      secrets,
      notification: notification(),
      template: null,
    },
    {
      env: { get: () => undefined },
      fetch: () => Promise.reject(new Error("Slack's address is a user's: it is guarded")),
      outgoing: createOutgoing({
        resolve: () => Promise.reject(new Error("not asked")),
        allowInsecureHosts: server.host,
      }),
      now: () => new Date("2026-11-21T09:00:00Z"),
      timeoutMs: 30_000,
    },
  );
}

Deno.test("it posts blocks to the address that is in Vault", async () => {
  await using server = serve(() => new Response("ok"));
  const result = await post(server);
  assert.equal(result.outcome, "delivered");
  const [request] = server.received;
  assert.match(request?.path ?? "", /^\/services\/T0\/B0\/x+$/);
  const body = JSON.parse(request?.body ?? "");
  assert.equal(body.blocks[0].type, "header");
  assert.match(body.text, /order-import failed/);
});

const answers: [number, string, string, boolean, Record<string, string>?][] = [
  [404, "no_service", "dead", true],
  [404, "channel_not_found", "dead", true],
  [410, "channel_is_archived", "dead", true],
  [404, "<html>not Slack</html>", "retry", false],
  [400, "invalid_payload", "dead", false],
  [403, "action_prohibited", "retry", false],
  [500, "rollup_error", "retry", false],
  [429, "rate_limited", "retry", false, { "retry-after": "30" }],
];

for (const [status, body, outcome, gone, headers = {}] of answers) {
  Deno.test(`${status} ${body} is ${outcome}${gone ? ", for good" : ""}`, async () => {
    await using server = serve(() => new Response(body, { status, headers }));
    const result = await post(server);
    assert.equal(result.outcome, outcome);
    assert.equal(result.outcome === "dead" && result.gone === true, gone);
    if (status === 429) assert.equal("retryAfterMs" in result && result.retryAfterMs, 30_000);
    assert.ok(!("error" in result) || !result.error.includes("xxxx"), "the address is not told");
  });
}

Deno.test("without an address, as Vault may say on a copied database, it waits", async () => {
  await using server = serve(() => new Response("ok"));
  const result = await post(server, []);
  assert.equal(result.outcome, "retry");
  assert.match("error" in result ? result.error : "", /doctor/);
  assert.equal(server.received.length, 0);
});
