import assert from "node:assert/strict";
import { type AttemptDeps, makeAttempt } from "./attempt.ts";
import type { AnyChannel, SendResult } from "./channels/channel.ts";
import { claim, testDeps } from "./testing/fixtures.ts";

const day = 24 * 3_600_000;
const hour = 3_600_000;
const created = new Date("2026-11-20T09:00:00Z");

function depsAt(age: number, result: SendResult, sent: string[]): AttemptDeps {
  const channel: AnyChannel = {
    kind: "email",
    repeatableForMs: day,
    send: ({ deliveryId }) => {
      sent.push(deliveryId);
      return Promise.resolve(result);
    },
    secretsOf: () => [],
  };
  return {
    ...testDeps({
      channels: new Map([["email", channel]]),
      now: () => new Date(created.getTime() + age),
    }),
    outgoing: () => Promise.reject(new Error("unused")),
    sendTimeoutMs: 30_000,
  };
}

const failed: SendResult = { outcome: "retry", error: "Resend answered 500.", httpStatus: 500 };
const email = (attempt: number) => claim({ attempt, channel_kind: "email", created_at: created });

Deno.test("an email is not repeated once Resend may have forgotten its id", async () => {
  const sent: string[] = [];
  const { attempt } = await makeAttempt(email(8), depsAt(day, failed, sent));
  assert.equal(sent.length, 0);
  assert.equal(attempt.outcome, "dead");
  assert.match(attempt.error ?? "", /not repeated: the provider remembers its id for a day only/);
});

Deno.test(
  "an email that was never tried is sent, however late: nothing can arrive twice",
  async () => {
    const sent: string[] = [];
    const { attempt } = await makeAttempt(
      email(1),
      depsAt(3 * day, { outcome: "delivered" }, sent),
    );
    assert.equal(sent.length, 1);
    assert.equal(attempt.outcome, "delivered");
  },
);

Deno.test("a repetition that would fall after the day is not planned", async () => {
  const early = await makeAttempt(email(8), depsAt(9 * hour, failed, []));
  assert.equal(early.attempt.outcome, "retry");
  assert.equal(early.attempt.nextAttemptAt?.toISOString(), "2026-11-21T04:00:00.000Z");
  const late = await makeAttempt(email(8), depsAt(15 * hour, failed, []));
  assert.equal(late.attempt.outcome, "dead");
  assert.match(late.attempt.error ?? "", /Resend answered 500\. It is not repeated/);
});

Deno.test(
  "a webhook has no such end: its receiver knows the id for as long as it likes",
  async () => {
    const deps = depsAt(2 * day, failed, []);
    const [channel] = deps.channels.values();
    assert.ok(channel !== undefined);
    const channels = new Map([["webhook", { ...channel, repeatableForMs: undefined }]]);
    const { attempt } = await makeAttempt(claim({ attempt: 9, created_at: created }), {
      ...deps,
      channels,
    });
    assert.equal(attempt.outcome, "retry");
  },
);

Deno.test("only silence counts as unanswered", async () => {
  const silent = await makeAttempt(
    email(1),
    depsAt(0, { outcome: "retry", error: "timed out" }, []),
  );
  assert.equal(silent.unanswered, true);
  assert.equal((await makeAttempt(email(1), depsAt(0, failed, []))).unanswered, false);
  assert.equal(
    (await makeAttempt(email(1), depsAt(0, { outcome: "delivered" }, []))).unanswered,
    false,
  );
  assert.equal(
    (await makeAttempt(email(1), depsAt(0, { outcome: "dead", error: "x" }, []))).unanswered,
    false,
  );
});
