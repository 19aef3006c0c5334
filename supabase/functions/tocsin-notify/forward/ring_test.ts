import assert from "node:assert/strict";
import { serve } from "../../_shared/testing/servers.ts";
import { createHandler } from "../handler.ts";
import {
  claim as deliveryClaim,
  fakeDatabase,
  recordingLog,
  ring,
  ringAndWait,
  testDeps,
} from "../testing/fixtures.ts";
import { claim, fakeForwardDatabase, readEnvelope } from "./testing/fixtures.ts";

Deno.test(
  "a ring drains deliveries and forwards errors, both through the guarded way out",
  async () => {
    await using server = serve(() => Response.json({ id: "x" }));
    const forwardings = fakeForwardDatabase([claim()]);
    const db = fakeDatabase([deliveryClaim({ channel_config: { url: `${server.url}/hook` } })]);
    const values = {
      SENTRY_DSN: `http://public@${server.host}/7`,
      TOCSIN_ALLOW_INSECURE_HOSTS: server.host,
      TOCSIN_DASHBOARD_URL: "https://tocsin.example/",
    };
    const answer = await createHandler(testDeps({ db, forwardings, values }))(ringAndWait());
    assert.equal(answer.status, 200);
    const { delivered, forwarding } = await answer.json();
    assert.deepEqual([delivered, forwarding.forwarded], [1, 1]);
    const envelope = server.received.find(({ path }) => path === "/api/7/envelope/");
    const contexts = readEnvelope(envelope?.body ?? "").event["contexts"];
    assert.match(JSON.stringify(contexts), /https:\/\/tocsin\.example\/errors\/11111111-2222/);

    const blocked = fakeForwardDatabase([claim()]);
    const without = { ...values, TOCSIN_ALLOW_INSECURE_HOSTS: "" };
    await createHandler(testDeps({ forwardings: blocked, values: without }))(ringAndWait());
    assert.equal(blocked.results[0]?.outcome, "released");
    assert.match(blocked.results[0]?.error ?? "", /TOCSIN_ALLOW_INSECURE_HOSTS/);
  },
);

Deno.test("what fails in forwarding is logged, and the drain goes on", async () => {
  await using server = serve(() => new Response());
  const db = fakeDatabase([deliveryClaim({ channel_config: { url: server.url } })]);
  const log = recordingLog();
  const forwardings = fakeForwardDatabase([]);
  forwardings.claim = () => Promise.reject(new Error("the database is of an older version"));
  const values = { TOCSIN_ALLOW_INSECURE_HOSTS: server.host };
  const handle = createHandler(testDeps({ db, forwardings, log, values }));
  const answer = await handle(ringAndWait());
  assert.equal((await answer.json()).delivered, 1);
  assert.ok(log.lines.some(({ event }) => event === "forwarding_failed"));
  assert.equal((await handle(ring())).status, 202);
});

Deno.test("nobody forwards without the doorbell's token", async () => {
  const forwardings = fakeForwardDatabase([claim()]);
  const values = { SENTRY_DSN: "https://public@sentry.example/7" };
  const handle = createHandler(testDeps({ forwardings, values }));
  assert.equal((await handle(ring({ type: "drain" }, { "x-tocsin-token": "wrong" }))).status, 401);
  assert.deepEqual(forwardings.announced, []);
});
