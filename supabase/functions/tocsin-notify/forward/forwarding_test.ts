import assert from "node:assert/strict";
import { serve, type TestServer } from "../../_shared/testing/servers.ts";
import { recordingLog } from "../testing/fixtures.ts";
import type { Connection, Forwarder, Sent } from "./forwarder.ts";
import {
  createForwarding,
  defaultForwardLimits,
  type ForwardDeps,
  forwardDue,
} from "./forwarding.ts";
import { sentry } from "./sentry.ts";
import {
  claim,
  type FakeForwardDatabase,
  fakeForwardDatabase,
  readEnvelope,
} from "./testing/fixtures.ts";
import { outgoingTo } from "./testing/outgoing.ts";

const start = new Date("2026-11-21T10:00:00Z");

function deps(
  db: FakeForwardDatabase,
  forwarders: readonly Forwarder[],
  values: Record<string, string> = {},
): ForwardDeps & { log: ReturnType<typeof recordingLog> } {
  return {
    db,
    forwarders,
    env: { get: (name) => values[name] },
    now: () => start,
    random: () => 0.5,
    log: recordingLog(),
    outgoing: () => Promise.reject(new Error("nothing is to be sent")),
  };
}

/** A forwarder that answers what the test says. */
function scripted(
  name: string,
  answer: (eventId: string, number: number) => Sent | Promise<Sent>,
): Forwarder & { sent: string[] } {
  const sent: string[] = [];
  const connection: Connection = {
    secrets: ["the-receivers-key"],
    async send({ eventId }) {
      sent.push(eventId);
      return await answer(eventId, sent.length);
    },
  };
  return { name, sent, connect: () => connection };
}

const arrived: Sent = { outcome: "forwarded", httpStatus: 200 };

function sentryEnv(server: TestServer) {
  return { SENTRY_DSN: `http://public-key-of-it@${server.host}/7` };
}

Deno.test("everything that is due is sent once, and recorded", async () => {
  const one = scripted("one", () => arrived);
  const claims = Array.from({ length: 120 }, () => claim({}, "one"));
  const db = fakeForwardDatabase(claims);
  const counts = await forwardDue(deps(db, [one]));
  assert.deepEqual(counts, {
    claimed: 120,
    forwarded: 120,
    retried: 0,
    dead: 0,
    released: 0,
    unrecorded: 0,
  });
  assert.deepEqual([...one.sent].sort(), claims.map(({ eventId }) => eventId).sort());
  assert.ok(db.results.every(({ outcome, attempt }) => outcome === "forwarded" && attempt === 1));
});

Deno.test("it says which secrets are there, and why one cannot be used", async () => {
  const db = fakeForwardDatabase([]);
  await forwardDue(
    deps(db, [
      scripted("good", () => arrived),
      { name: "unset", connect: () => undefined },
      { name: "wrong", connect: () => ({ problem: "It is no key." }) },
    ]),
  );
  assert.deepEqual(db.announced, [{ good: null, wrong: "It is no key." }]);
});

Deno.test("one that is away is left alone at once, and the other is not held up", async () => {
  const away = scripted("away", () => ({ outcome: "away", error: "no answer" }));
  const well = scripted("well", () => arrived);
  const claims = [
    ...Array.from({ length: 50 }, () => claim({}, "away")),
    ...Array.from({ length: 50 }, () => claim({}, "well")),
  ];
  const db = fakeForwardDatabase(claims);
  const counts = await forwardDue(deps(db, [away, well]), {
    ...defaultForwardLimits,
    claim: 100,
  });
  assert.equal(counts.forwarded, 50);
  assert.equal(counts.released, 50);
  assert.equal(away.sent.length, defaultForwardLimits.concurrency);
  const pauses = db.pauses.filter((entry) => "away" in entry);
  assert.deepEqual(pauses, [{ away: { error: "no answer", isFailure: true } }]);
});

Deno.test("one that has had enough is left alone for as long as it says", async () => {
  const limited = scripted("limited", (_, number) =>
    number <= 3
      ? { outcome: "forwarded" }
      : { outcome: "limited", error: "429", pauseMs: 90_000, httpStatus: 429 },
  );
  const db = fakeForwardDatabase(Array.from({ length: 20 }, () => claim({}, "limited")));
  const limits = { ...defaultForwardLimits, concurrency: 1 };
  const counts = await forwardDue(deps(db, [limited]), limits);
  assert.deepEqual([counts.forwarded, counts.released], [3, 17]);
  assert.deepEqual(db.pauses, [
    {
      limited: { until: new Date(start.getTime() + 90_000), error: "429", isFailure: false },
    },
  ]);
});

Deno.test("one that takes this one and no more is left alone after it", async () => {
  const full = scripted("full", () => ({ outcome: "forwarded", pauseMs: 60_000 }));
  const db = fakeForwardDatabase([claim({}, "full"), claim({}, "full")]);
  const limits = { ...defaultForwardLimits, concurrency: 1 };
  const counts = await forwardDue(deps(db, [full]), limits);
  assert.deepEqual([counts.forwarded, counts.released, full.sent.length], [1, 1, 1]);
});

Deno.test("one that will never be taken is dead, and nobody else suffers", async () => {
  const picky = scripted("picky", () => ({ outcome: "dead", error: "400", httpStatus: 400 }));
  const db = fakeForwardDatabase([claim({}, "picky")]);
  await forwardDue(deps(db, [picky]));
  assert.deepEqual(
    [db.results[0]?.outcome, db.results[0]?.error, db.pauses],
    ["dead", "400", [{}]],
  );
});

Deno.test("one that fails is tried ten times, at growing distances", async () => {
  const failing = scripted("failing", () => ({ outcome: "failed", error: "500" }));
  const resultOf = async (attempt: number) => {
    const db = fakeForwardDatabase([{ ...claim({}, "failing"), attempt }]);
    await forwardDue(deps(db, [failing]));
    const [{ outcome, error, nextAttemptAt } = {}] = db.results;
    const wait =
      nextAttemptAt === undefined ? undefined : nextAttemptAt.getTime() - start.getTime();
    return [outcome, error, wait];
  };
  assert.deepEqual(await resultOf(1), ["retry", "500", 5_000]);
  assert.deepEqual(await resultOf(3), ["retry", "500", 120_000]);
  const last = "500 That was attempt 10 of 10, the last.";
  assert.deepEqual(await resultOf(10), ["dead", last, undefined]);
});

Deno.test("what throws is a failure of one error, and is logged without the key", async () => {
  const broken = scripted("broken", () => {
    throw new TypeError("no the-receivers-key here");
  });
  const db = fakeForwardDatabase([claim({}, "broken")]);
  const given = deps(db, [broken]);
  await forwardDue(given);
  assert.equal(db.results[0]?.outcome, "retry");
  const told = JSON.stringify([db.results, db.pauses, given.log.lines]);
  assert.ok(!told.includes("the-receivers-key") && told.includes("[redacted:secret]"));
});

Deno.test("only redacted text leaves, whatever the database holds", async () => {
  await using server = serve(() => Response.json({ id: "x" }));
  const jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl";
  const leak = `key=sk_live_51H8xyzABCDEFGHIJKLMN ${jwt} Bearer abcdefghijkl re_own_key_123456`;
  const db = fakeForwardDatabase([
    claim({
      message: leak,
      stack: `Error: ${leak}\n    at f (/a.js?token=${jwt}:1:1)`,
      node: leak,
      user_id: jwt,
      component: leak,
      release: jwt,
      workflow_name: leak,
      run_url: "https://user:secretpassword@app.example/run",
      metadata: { deep: [{ [jwt]: leak, dsn: "the key is public-key-of-it" }] },
    }),
  ]);
  const values = { ...sentryEnv(server), RESEND_API_KEY: "re_own_key_123456" };
  await forwardDue({ ...deps(db, [sentry], values), outgoing: outgoingTo(server) });
  const body = server.received[0]?.body ?? "";
  const secrets = ["sk_live", "eyJ", "abcdefghijkl", "re_own_key", "secretpassword", "public-key"];
  for (const secret of secrets) assert.ok(!body.includes(secret), secret);
  const { event } = readEnvelope(body);
  assert.equal(event["timestamp"], "2026-11-20T09:02:11.412Z");
  assert.match(JSON.stringify(event["exception"]), /\[redacted:jwt\]/);
});

Deno.test("no send begins so late that its lease could run out, or after its time", async () => {
  let clock = start.getTime();
  const slow = scripted("slow", () => {
    clock += 20_000;
    return arrived;
  });
  const db = fakeForwardDatabase(Array.from({ length: 20 }, () => claim({}, "slow")));
  const counts = await forwardDue(
    { ...deps(db, [slow]), now: () => new Date(clock) },
    { ...defaultForwardLimits, concurrency: 1 },
  );
  assert.deepEqual([counts.forwarded, counts.released], [3, 17]);
});

Deno.test("it sends so many in one call and leaves the rest for the next ring", async () => {
  const one = scripted("one", () => arrived);
  const db = fakeForwardDatabase(Array.from({ length: 400 }, () => claim({}, "one")));
  const counts = await forwardDue(deps(db, [one]));
  assert.equal(counts.forwarded, defaultForwardLimits.sends);
  assert.equal(db.due.length, 400 - defaultForwardLimits.sends);
});

Deno.test("what cannot be recorded is counted, and nothing is thrown", async () => {
  const db = fakeForwardDatabase([claim({}, "one")]);
  db.record = () => Promise.reject(new Error("gone"));
  const counts = await forwardDue(deps(db, [scripted("one", () => arrived)]));
  assert.deepEqual([counts.claimed, counts.forwarded, counts.unrecorded], [1, 0, 1]);
});

Deno.test("one at a time in an instance, and a failure is nobody else's", async () => {
  let release: () => void = () => undefined;
  const gate = new Promise<void>((resolve) => (release = resolve));
  const one = scripted("one", async () => {
    await gate;
    return arrived;
  });
  const db = fakeForwardDatabase([claim({}, "one")]);
  const forward = createForwarding(deps(db, [one]), () => () => Promise.reject(new Error()));
  const first = forward();
  assert.equal(await forward(), undefined);
  release();
  assert.equal((await first)?.forwarded, 1);
  db.claim = () => Promise.reject(new Error("gone"));
  assert.equal(await forward(), undefined);
});
