import assert from "node:assert/strict";
import type { AnyChannel, SendResult } from "./channels/channel.ts";
import { defaultLimits, type Deps, type Limits } from "./deps.ts";
import { Drain } from "./drain.ts";
import type { Claim } from "./notification.ts";
import { claim, fakeDatabase, testDeps } from "./testing/fixtures.ts";

const taken: SendResult = { outcome: "delivered", httpStatus: 200 };

function drainOf(
  due: Claim[],
  send: (id: string) => SendResult | Promise<SendResult>,
  limits: Partial<Limits> = {},
  more: Partial<Deps> = {},
) {
  const db = fakeDatabase(due);
  const channel = (kind: string, isShared: boolean): AnyChannel => ({
    kind,
    repeatableForMs: undefined,
    isShared,
    send: async ({ deliveryId }) => await send(deliveryId),
    secretsOf: () => [],
  });
  const deps = {
    ...testDeps({
      db,
      channels: new Map([
        ["webhook", channel("webhook", false)],
        ["email", channel("email", true)],
      ]),
      ...more,
    }),
    outgoing: () => Promise.reject(new Error("unused")),
  };
  return { db, drain: new Drain(deps, { ...defaultLimits, ...limits }) };
}

Deno.test("what has a slot in its provider's pace waits for it; the others do not", async () => {
  const started = Date.now();
  const at = new Map<string, number>();
  const paced = [0, 400, 500].map((wait_ms) =>
    claim({ channel_id: "mail", channel_kind: "email", wait_ms }),
  );
  const hooks = [claim(), claim()];
  const { drain } = drainOf([...paced, ...hooks], (id) => {
    at.set(id, Date.now() - started);
    return taken;
  });
  const result = await drain.run();
  assert.equal(result.delivered, 5);
  for (const { delivery_id, wait_ms } of [...paced, ...hooks]) {
    const sent = at.get(delivery_id) ?? NaN;
    assert.ok(sent >= wait_ms - 1, `${wait_ms}: sent after ${sent} ms`);
  }
  const order = [...at.keys()];
  const [, second, third] = paced;
  assert.deepEqual(order.slice(-2), [second?.delivery_id, third?.delivery_id]);
});

Deno.test("a provider that asks for a pause gets it, from all its channels", async () => {
  const mails = ["a", "b"].flatMap((channel_id) =>
    Array.from({ length: 10 }, () => claim({ channel_id, channel_kind: "email" })),
  );
  const hooks = Array.from({ length: 3 }, () => claim());
  const hookIds = new Set(hooks.map(({ delivery_id }) => delivery_id));
  const { db, drain } = drainOf(
    [...mails, ...hooks],
    async (id) => {
      await new Promise((resolve) => setTimeout(resolve, 2));
      return hookIds.has(id)
        ? taken
        : { outcome: "retry", error: "slow down", httpStatus: 429, retryAfterMs: 30_000 };
    },
    { perChannel: 1 },
  );
  const result = await drain.run();
  assert.equal(result.delivered, 3);
  assert.ok(result.retried <= 2, `${result.retried} emails were tried`);
  assert.equal(result.released, 20 - result.retried);
  const refused = db.recorded.find(({ outcome }) => outcome === "retry");
  const { finishedAt, holdUntil } = refused ?? assert.fail();
  assert.equal((holdUntil?.getTime() ?? 0) - finishedAt.getTime(), 30_000);
});

Deno.test("a channel begins with a few at a time and works its way up", async () => {
  let running = 0;
  const widths: number[] = [];
  const { drain } = drainOf(
    Array.from({ length: 80 }, () => claim()),
    async () => {
      running += 1;
      widths.push(running);
      await new Promise((resolve) => setTimeout(resolve, 3));
      running -= 1;
      return taken;
    },
  );
  await drain.run();
  assert.ok(Math.max(...widths.slice(0, 4)) <= 4);
  assert.equal(Math.max(...widths), defaultLimits.perChannel);
});

Deno.test("a receiver that is gone is recorded so, and nothing more is sent to it", async () => {
  let sends = 0;
  const { db, drain } = drainOf(
    Array.from({ length: 30 }, () => claim()),
    async () => {
      sends += 1;
      await new Promise((resolve) => setTimeout(resolve, 2));
      return { outcome: "dead", error: "gone", httpStatus: 410, gone: true };
    },
  );
  const result = await drain.run();
  assert.ok(sends <= 4, `${sends} sends`);
  assert.equal(result.released, 30 - sends);
  assert.ok(db.recorded.every(({ isGone }) => isGone));
});

Deno.test("what was replayed has all its attempts before it again", async () => {
  const { db, drain } = drainOf(
    [claim({ attempt: 11, earlier_attempts: 10 }), claim({ attempt: 20, earlier_attempts: 10 })],
    () => ({ outcome: "retry", error: "500", httpStatus: 500 }),
  );
  await drain.run();
  const [first, last] = db.recorded;
  assert.equal(first?.outcome, "retry");
  assert.equal(Number(first?.nextAttemptAt) - Number(first?.finishedAt), 5_000);
  assert.equal(last?.outcome, "dead");
  assert.match(last?.error ?? "", /attempt 10 of 10, the last/);
});
