import assert from "node:assert/strict";
import type { AnyChannel, Message, SendResult } from "./channels/channel.ts";
import { DatabaseError } from "./db.ts";
import { defaultLimits, type Deps, type Limits } from "./deps.ts";
import { Drain, type DrainResult } from "./drain.ts";
import type { Claim } from "./notification.ts";
import {
  claim,
  type FakeDatabase,
  fakeDatabase,
  recordingLog,
  testDeps,
} from "./testing/fixtures.ts";

type Send = (message: Message<unknown>) => SendResult | Promise<SendResult>;

const taken: SendResult = { outcome: "delivered", httpStatus: 200 };
const moment = () => new Promise((resolve) => setTimeout(resolve, 2));

function drainOf(
  db: FakeDatabase,
  send: Send,
  limits: Partial<Limits> = {},
  more: Partial<Deps> = {},
) {
  const channel: AnyChannel = {
    kind: "webhook",
    repeatableForMs: undefined,
    send: async (message) => await send(message),
    secretsOf: () => [],
  };
  const outgoing = () => Promise.reject(new Error("unused"));
  const deps = {
    ...testDeps({ db, channels: new Map([["webhook", channel]]), ...more }),
    outgoing,
  };
  return new Drain(deps, { ...defaultLimits, ...limits });
}

function claims(count: number, overrides: Partial<Claim> = {}): Claim[] {
  return Array.from({ length: count }, () => claim(overrides));
}

function counts(some: Partial<DrainResult>): DrainResult {
  return {
    ...{ claimed: 0, delivered: 0, retried: 0, dead: 0, released: 0, unrecorded: 0 },
    ...some,
  };
}

/** Every claim ended in one way; none is missing and none is counted twice. */
function assertConserved(result: DrainResult): void {
  const { claimed, delivered, retried, dead, released, unrecorded } = result;
  assert.equal(claimed, delivered + retried + dead + released + unrecorded, JSON.stringify(result));
}

Deno.test(
  "it claims until nothing is left, and every claim is sent and recorded once",
  async () => {
    const all = claims(130);
    const ids = all.map((row) => row.delivery_id).sort();
    const db = fakeDatabase(all);
    const sent: string[] = [];
    const result = await drainOf(db, async (message) => {
      await moment();
      sent.push(message.deliveryId);
      return taken;
    }).run();
    assert.deepEqual(result, counts({ claimed: 130, delivered: 130 }));
    assert.deepEqual(sent.sort(), ids);
    assert.deepEqual(db.recorded.map((attempt) => attempt.deliveryId).sort(), ids);
  },
);

Deno.test("with nothing due it looks once and is done", async () => {
  const db = fakeDatabase([]);
  const result = await drainOf(db, () => taken).run();
  assert.equal(result.claimed, 0);
  assert.equal(db.claims, 1);
});

Deno.test("no more go out at a time than are allowed, in all and to one channel", async () => {
  const rows = ["a", "b", "c", "d", "e", "f"].flatMap((id) => claims(12, { channel_id: id }));
  const running = new Map<string, number>();
  const highest = { all: 0, channel: 0 };
  const names = new Map(rows.map((row) => [row.delivery_id, row.channel_id]));
  const db = fakeDatabase(rows);
  await drainOf(
    db,
    async ({ deliveryId }) => {
      const id = names.get(deliveryId) ?? "";
      running.set(id, (running.get(id) ?? 0) + 1);
      highest.channel = Math.max(highest.channel, running.get(id) ?? 0);
      highest.all = Math.max(
        highest.all,
        [...running.values()].reduce((a, b) => a + b),
      );
      await moment();
      running.set(id, (running.get(id) ?? 0) - 1);
      return taken;
    },
    { concurrency: 16, perChannel: 4 },
  ).run();
  assert.deepEqual(highest, { all: 16, channel: 4 });
});

Deno.test("a slow channel holds up no other", async () => {
  let release = () => {};
  const slow = new Promise<void>((resolve) => (release = resolve));
  const rows = [
    ...claims(20, { channel_id: "slow", channel_name: "slow" }),
    ...claims(40, { channel_id: "quick" }),
  ];
  const db = fakeDatabase(rows);
  let quick = 0;
  const running = drainOf(db, async ({ channelName }) => {
    if (channelName === "slow") await slow;
    else if (++quick === 40) release();
    return taken;
  }).run();
  assertConserved(await running);
  assert.equal(quick, 40);
});

Deno.test(
  "what is sent is recorded with its times, its answer and the time of the next attempt",
  async () => {
    const db = fakeDatabase([claim({ attempt: 3 })]);
    let now = Date.parse("2026-11-21T09:00:00Z");
    await drainOf(
      db,
      () => {
        now += 700;
        return {
          outcome: "retry",
          error: "a.example\r\nanswered 500.",
          httpStatus: 500,
          response: "x\u0000y".repeat(2_000),
        };
      },
      {},
      { now: () => new Date(now) },
    ).run();
    const [attempt] = db.recorded;
    assert.equal(attempt?.outcome, "retry");
    assert.equal(attempt?.attempt, 3);
    assert.equal(attempt?.startedAt.toISOString(), "2026-11-21T09:00:00.000Z");
    assert.equal(attempt?.finishedAt.toISOString(), "2026-11-21T09:00:00.700Z");
    assert.equal(
      attempt?.nextAttemptAt?.toISOString(),
      "2026-11-21T09:02:00.700Z",
      "2 min after the third",
    );
    assert.equal(attempt?.httpStatus, 500);
    assert.equal(attempt?.error, "a.example answered 500.");
    assert.equal(attempt?.response?.length, 2_048);
    assert.ok(!attempt?.response?.includes("\u0000"));
  },
);

Deno.test("the tenth failure is the last", async () => {
  const db = fakeDatabase([claim({ attempt: 10 })]);
  const result = await drainOf(db, () => ({ outcome: "retry", error: "It failed." })).run();
  assert.equal(result.dead, 1);
  assert.equal(db.recorded[0]?.outcome, "dead");
  assert.equal(db.recorded[0]?.error, "It failed. That was attempt 10 of 10, the last.");
  assert.equal(db.recorded[0]?.nextAttemptAt, null);
});

Deno.test("secrets that a receiver echoes are not recorded", async () => {
  const row = claim({ channel_secrets: ["whsec_c29tZXRoaW5nIHNlY3JldCBoZXJl"] });
  const db = fakeDatabase([row]);
  await drainOf(
    db,
    ({ secrets }) => ({
      outcome: "retry",
      error: `it said ${secrets[0]}`,
      response: `you sent ${secrets[0]} and re_key_of_ours`,
    }),
    {},
    { env: { get: (name) => (name === "RESEND_API_KEY" ? "re_key_of_ours" : undefined) } },
  ).run();
  const text = JSON.stringify(db.recorded);
  assert.ok(!text.includes("c29tZXRoaW5n") && !text.includes("re_key_of_ours"), text);
});

Deno.test("a record that fails is told and stops nothing", async () => {
  const rows = claims(20);
  const [broken] = rows;
  const db = fakeDatabase(rows);
  const record = db.recordAttempt;
  db.recordAttempt = (attempt) =>
    attempt.deliveryId === broken?.delivery_id
      ? Promise.reject(new DatabaseError("database_unavailable", "gone", ""))
      : record(attempt);
  const log = recordingLog();
  const result = await drainOf(db, () => taken, {}, { log }).run();
  assert.deepEqual(result, counts({ claimed: 20, delivered: 19, unrecorded: 1 }));
  assert.deepEqual(
    log.lines.map((line) => line.event),
    ["record_failed"],
  );
  assert.ok(log.lines[0]?.text.includes(broken?.delivery_id ?? "?"));
});

Deno.test("a lost lease is not counted as delivered", async () => {
  const db = fakeDatabase([claim()]);
  db.recordAttempt = () => Promise.resolve("stale");
  const result = await drainOf(db, () => taken).run();
  assert.equal(result.delivered, 0);
  assert.equal(result.unrecorded, 1);
});

Deno.test("a channel that throws is an attempt that failed, not a drain that failed", async () => {
  const db = fakeDatabase(claims(3));
  const log = recordingLog();
  const result = await drainOf(
    db,
    () => {
      throw new TypeError("x is undefined");
    },
    {},
    { log },
  ).run();
  assert.equal(result.retried, 3);
  assert.equal(db.recorded[0]?.error, "tocsin-notify failed: x is undefined");
  assert.equal(log.lines.length, 3);
});

Deno.test(
  "the first claim's failure is the drain's; a later one ends it with what was done",
  async () => {
    const down = new DatabaseError("database_unavailable", "gone", "");
    const never = fakeDatabase([]);
    never.claimDeliveries = () => Promise.reject(down);
    await assert.rejects(drainOf(never, () => taken).run(), down);

    const db = fakeDatabase(claims(70));
    const claimNow = db.claimDeliveries;
    db.claimDeliveries = (limit, lease) =>
      db.claims >= 1 ? Promise.reject(down) : claimNow(limit, lease);
    const result = await drainOf(db, () => taken, { claim: 50 }).run();
    assert.deepEqual(result, counts({ claimed: 50, delivered: 50 }));
  },
);

Deno.test("when the time is up nothing begins, and what was not begun is given back", async () => {
  const db = fakeDatabase(claims(200));
  let now = 0;
  let sends = 0;
  const result = await drainOf(
    db,
    async () => {
      sends += 1;
      await moment();
      now += 5_000;
      return taken;
    },
    { wallMs: 100_000, perChannel: 4 },
    { now: () => new Date(now) },
  ).run();
  assertConserved(result);
  assert.equal(result.delivered, sends);
  assert.ok(sends >= 20 && sends <= 24, `${sends} sends of 5 s, 4 at a time`);
  assert.equal(result.released, result.claimed - sends);
  assert.ok(result.released > 0);
});

Deno.test("the time's end is noticed while everything still runs", async () => {
  const db = fakeDatabase(claims(12));
  const began = Date.now();
  let release = () => {};
  const held = new Promise<void>((resolve) => (release = resolve));
  const give = db.releaseDeliveries;
  db.releaseDeliveries = (claims) => {
    release();
    return give(claims);
  };
  const result = await drainOf(
    db,
    async () => {
      await held;
      return taken;
    },
    { wallMs: 50 },
  ).run();
  assert.deepEqual([result.delivered, result.released], [4, 8]);
  assert.ok(Date.now() - began < 5_000);
});

Deno.test("only what was still held is counted as given back", async () => {
  const db = fakeDatabase(claims(12));
  let release = () => {};
  const held = new Promise<void>((resolve) => (release = resolve));
  const give = db.releaseDeliveries;
  db.releaseDeliveries = (claims) => {
    release();
    return give(claims.map((claim, index) => (index < 3 ? { ...claim, attempt: 9 } : claim)));
  };
  const send = () => held.then(() => taken);
  const result = await drainOf(db, send, { wallMs: 50 }).run();
  assert.deepEqual(result, counts({ claimed: 12, delivered: 4, released: 5, unrecorded: 3 }));
  assert.equal(db.due.length, 5);
});

Deno.test("when the count is reached it stops, and claims no more than it may send", async () => {
  const db = fakeDatabase(claims(200));
  const result = await drainOf(db, () => taken, { sends: 60 }).run();
  assert.deepEqual(result, counts({ claimed: 60, delivered: 60 }));
});

Deno.test("a claim whose lease could run out before its send is over is given back", async () => {
  const rows = claims(5);
  const db = fakeDatabase(rows);
  let now = 0;
  const result = await drainOf(
    db,
    async () => {
      await moment();
      now += 90_000;
      return taken;
    },
    { wallMs: 1_000_000, perChannel: 1, claim: 5, sends: 6 },
    { now: () => new Date(now) },
  ).run();
  assertConserved(result);
  assert.ok(db.released.length >= 4, "the four that had waited 90 s of their 120");
  assert.equal(result.delivered, 5, "all were claimed anew and sent");
});

Deno.test(
  "a channel that does not answer rests until the next ring, and the others go on",
  async () => {
    const rows = [
      ...claims(60, { channel_id: "down", channel_name: "down" }),
      ...claims(60, { channel_id: "up" }),
    ];
    const db = fakeDatabase(rows);
    const result = await drainOf(db, ({ channelName }) =>
      channelName === "down" ? { outcome: "retry", error: "timed out", overloaded: true } : taken,
    ).run();
    assertConserved(result);
    assert.equal(result.delivered, 60);
    assert.ok(
      result.retried >= 5 && result.retried <= 8,
      `${result.retried} tried: five and those under way`,
    );
    assert.equal(result.released, 60 - result.retried);
    assert.equal(result.claimed, 120, "those given back were not claimed again by the same drain");
  },
);

Deno.test("an answer, even a bad one, keeps a channel awake", async () => {
  const db = fakeDatabase(claims(40));
  const result = await drainOf(db, () => ({
    outcome: "retry",
    error: "500",
    httpStatus: 500,
  })).run();
  assert.equal(result.retried, 40);
});

Deno.test("a ring during a drain makes it look again; one after it is refused", async () => {
  const db = fakeDatabase([claim()]);
  const drain = drainOf(db, async ({ deliveryId }) => {
    await moment();
    if (db.claims < 3 && deliveryId !== "") {
      db.due.push(claim());
      assert.equal(drain.ring(), true);
    }
    return taken;
  });
  const result = await drain.run();
  assert.ok(result.delivered >= 2);
  assert.equal(db.due.length, 0);
  assert.equal(drain.ring(), false);
});

Deno.test("what this version cannot read or send is kept for one that can", async () => {
  const db = fakeDatabase([
    claim({ channel_kind: "pager" }),
    claim({ notification: { version: 2 } }),
  ]);
  const result = await drainOf(db, () => taken).run();
  assert.equal(result.retried, 2);
  const errors = db.recorded.map((attempt) => attempt.error).join();
  assert.match(errors, /cannot send to channels of kind "pager".*supabase functions deploy/);
  assert.match(errors, /cannot read the notification \(version/);
});
