import assert from "node:assert/strict";
import { createOutgoing } from "../../_shared/net/outgoing.ts";
import { serve, type TestServer } from "../../_shared/testing/servers.ts";
import { notification } from "../testing/fixtures.ts";
import { alertmanagerChannel, alertsUrl } from "./alertmanager.ts";

function post(server: TestServer, headers: Record<string, string> = {}) {
  return alertmanagerChannel.send(
    {
      deliveryId: "d",
      channelName: "Prometheus",
      config: { url: server.url, headers },
      secrets: [],
      notification: notification(),
      template: null,
    },
    {
      env: { get: () => undefined },
      fetch: () => Promise.reject(new Error("its address is a user's: it is guarded")),
      outgoing: createOutgoing({
        resolve: () => Promise.reject(new Error("not asked")),
        allowInsecureHosts: server.host,
      }),
      now: () => new Date("2026-11-21T09:00:00Z"),
      timeoutMs: 30_000,
    },
  );
}

Deno.test("one alert is posted to the API, with the channel's own headers", async () => {
  await using server = serve(() => new Response(""));
  const result = await post(server, { authorization: "Basic abc" });
  assert.equal(result.outcome, "delivered");
  const [request] = server.received;
  assert.equal(request?.path, "/api/v2/alerts");
  assert.equal(request?.headers.get("authorization"), "Basic abc");
  const alerts = JSON.parse(request?.body ?? "");
  assert.equal(alerts.length, 1);
  assert.equal(alerts[0].labels.alertname, "tocsin_run_failed");
});

Deno.test(
  "an alert that it refuses is dead, with what it said; a fault is tried again",
  async () => {
    await using refusing = serve(() => Response.json("bad labels", { status: 400 }));
    const refused = await post(refusing);
    assert.equal(refused.outcome, "dead");
    assert.match("error" in refused ? refused.error : "", /bad labels/);
    await using broken = serve(() => new Response("", { status: 503 }));
    assert.equal((await post(broken)).outcome, "retry");
  },
);

Deno.test("its own address is enough, with or without a prefix", () => {
  assert.equal(alertsUrl("https://am.example"), "https://am.example/api/v2/alerts");
  assert.equal(alertsUrl("https://am.example:9093/"), "https://am.example:9093/api/v2/alerts");
  assert.equal(alertsUrl("https://x.example/am/"), "https://x.example/am/api/v2/alerts");
  assert.equal(alertsUrl("https://am.example/api/v2/alerts"), "https://am.example/api/v2/alerts");
});
