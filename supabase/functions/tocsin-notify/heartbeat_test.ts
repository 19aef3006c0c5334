import assert from "node:assert/strict";
import { serve } from "../_shared/testing/servers.ts";
import { createHandler } from "./handler.ts";
import type { HeartbeatDatabase } from "./heartbeat.ts";
import { recordingLog, ring, testDeps } from "./testing/fixtures.ts";

/** What the database was told, by a heartbeat that is due to this address. */
function fakeHeartbeat(url: string | null) {
  const recorded: (string | null)[] = [];
  let claims = 0;
  const heartbeat: HeartbeatDatabase = {
    claim: () => {
      claims += 1;
      return Promise.resolve(url);
    },
    record: (error) => {
      recorded.push(error);
      return Promise.resolve();
    },
  };
  return { heartbeat, recorded, claims: () => claims };
}

const withHeartbeat = { type: "drain", wait: true, heartbeat: true };

Deno.test("a ring that says so makes it ask the address outside, and say how it went", async () => {
  await using server = serve(() => new Response("OK"));
  const { heartbeat, recorded } = fakeHeartbeat(`${server.url}/ping/token-x`);
  const handle = createHandler(
    testDeps({ heartbeat, values: { TOCSIN_ALLOW_INSECURE_HOSTS: server.host } }),
  );
  assert.equal((await handle(ring(withHeartbeat))).status, 200);
  assert.deepEqual(
    server.received.map(({ method, path }) => [method, path]),
    [["GET", "/ping/token-x"]],
  );
  assert.match(server.received[0]?.headers.get("user-agent") ?? "", /^Tocsin\//);
  assert.deepEqual(recorded, [null]);
});

Deno.test("another ring, and one whose heartbeat somebody else took, ask nothing", async () => {
  await using server = serve(() => new Response("OK"));
  const { heartbeat, recorded, claims } = fakeHeartbeat(null);
  const handle = createHandler(testDeps({ heartbeat }));
  await handle(ring({ type: "drain", wait: true }));
  assert.equal(claims(), 0);
  await handle(ring(withHeartbeat));
  assert.equal(claims(), 1);
  assert.deepEqual([server.received, recorded], [[], []]);
});

Deno.test("what does not get through is recorded, with the host and nothing more", async () => {
  await using server = serve(({ path }) =>
    path === "/moved/token-x"
      ? new Response(null, { status: 302, headers: { location: "http://10.0.0.1/" } })
      : new Response("down", { status: 503 }),
  );
  const told: (string | null)[] = [];
  const log = recordingLog();
  for (const url of [
    `${server.url}/token-x`,
    `${server.url}/moved/token-x`,
    "https://169.254.169.254/token-x",
    "http://hc.example/token-x",
  ]) {
    const { heartbeat, recorded } = fakeHeartbeat(url);
    const values = { TOCSIN_ALLOW_INSECURE_HOSTS: server.host };
    const answer = await createHandler(testDeps({ heartbeat, values, log }))(ring(withHeartbeat));
    assert.equal(answer.status, 200, "the drain is none the worse for it");
    told.push(...recorded);
  }
  assert.deepEqual(told.slice(0, 2), [
    `${server.host} answered 503.`,
    `${server.host} answered 302.`,
  ]);
  assert.match(told[2] ?? "", /169\.254\.169\.254/);
  assert.match(told[3] ?? "", /not https/);
  assert.doesNotMatch(told.join() + JSON.stringify(log.lines), /token-x/);
});

Deno.test("a database that is away is logged, and fails nothing", async () => {
  const log = recordingLog();
  const heartbeat = {
    claim: () => Promise.reject(new Error("away")),
    record: () => Promise.reject(new Error("never")),
  };
  const answer = await createHandler(testDeps({ heartbeat, log }))(ring(withHeartbeat));
  assert.equal(answer.status, 200);
  assert.match(JSON.stringify(log.lines), /heartbeat_not_recorded.*away/);
});
