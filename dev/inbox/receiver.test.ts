import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { Webhook } from "standardwebhooks";
import { z } from "zod";
import {
  hookMessageSchema,
  startReceiver,
  type Receiver,
  type ReceiverOptions,
} from "./receiver.ts";

const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const older = "whsec_" + Buffer.from("an older secret of 24 b+").toString("base64");
const body = JSON.stringify({ type: "run.failed", data: { workflow_name: "order-import" } });

async function receiverFor(
  t: TestContext,
  options: Partial<ReceiverOptions> = {},
): Promise<Receiver> {
  const receiver = await startReceiver({ port: 0, secrets: () => [secret], ...options });
  t.after(() => receiver.stop());
  return receiver;
}

type Sending = { id?: string; key?: string; at?: Date; body?: string; hook?: string };

async function send(receiver: Receiver, sending: Sending = {}): Promise<Response> {
  const { id = "msg_1", key = secret, at = new Date(), hook = "ops" } = sending;
  return await fetch(`${receiver.url}/hooks/${hook}`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      "webhook-id": id,
      "webhook-timestamp": String(Math.floor(at.getTime() / 1000)),
      "webhook-signature": new Webhook(key).sign(id, at, body),
    },
    body: sending.body ?? body,
    redirect: "manual",
  });
}

test("a webhook with a valid signature is verified, answered 200 and kept", async (t) => {
  const receiver = await receiverFor(t);
  assert.equal((await send(receiver)).status, 200);
  const list = z.object({ messages: z.array(hookMessageSchema) });
  const { messages } = list.parse(await (await fetch(`${receiver.url}/_messages`)).json());
  assert.equal(messages.length, 1);
  const [message] = messages;
  assert.equal(message?.verified, true);
  assert.equal(message?.reason, null);
  assert.equal(message?.hook, "ops");
  assert.equal(message?.webhook_id, "msg_1");
  assert.equal(message?.body, body);
  assert.equal(message?.headers["content-type"], "application/json");
  assert.equal(message?.answered, 200);
});

test("what does not verify is answered 401 and kept with why not", async (t) => {
  const receiver = await receiverFor(t);
  const cases: [Sending, RegExp][] = [
    [{ key: older }, /No matching signature/],
    [{ body: body + " " }, /No matching signature/],
    [{ at: new Date(Date.now() - 6 * 60_000) }, /too old/],
    [{ at: new Date(Date.now() + 6 * 60_000) }, /too new/],
  ];
  for (const [sending, reason] of cases) {
    assert.equal((await send(receiver, sending)).status, 401);
    assert.equal(receiver.messages()[0]?.verified, false);
    assert.match(receiver.messages()[0]?.reason ?? "", reason);
  }
  const bare = await fetch(`${receiver.url}/hooks/ops`, { method: "POST", body });
  assert.equal(bare.status, 401);
  assert.match(receiver.messages()[0]?.reason ?? "", /Missing required headers/);
});

test("secrets are asked for each time, and any of them will do", async (t) => {
  let secrets: string[] = [];
  const receiver = await receiverFor(t, { secrets: () => Promise.resolve(secrets) });
  await send(receiver);
  assert.match(receiver.messages()[0]?.reason ?? "", /knows no secret/);
  secrets = [older, secret];
  assert.equal((await send(receiver)).status, 200);
  assert.equal((await send(receiver, { key: older })).status, 200);
});

test("attempts under one webhook-id are counted", async (t) => {
  const receiver = await receiverFor(t);
  for (const id of ["msg_1", "msg_2", "msg_1", "msg_1"]) await send(receiver, { id });
  assert.deepEqual(
    receiver.messages().map((message) => [message.webhook_id, message.attempt]),
    [
      ["msg_1", 3],
      ["msg_1", 2],
      ["msg_2", 1],
      ["msg_1", 1],
    ],
  );
});

test("answers come as planned, for one hook or for all, and then as usual", async (t) => {
  const receiver = await receiverFor(t);
  const plan = async (plan: unknown) =>
    (await fetch(`${receiver.url}/_control`, { method: "POST", body: JSON.stringify(plan) }))
      .status;
  assert.equal(await plan({ hook: "ops", answers: [{ status: 500, times: 2 }] }), 200);
  assert.equal(
    await plan({
      answers: [{ status: 429, retryAfter: 5 }, { status: 302, location: "/x" }, { status: 204 }],
    }),
    200,
  );
  assert.equal(await plan({ answers: [{ status: 99 }] }), 400);
  assert.equal((await send(receiver)).status, 500);
  assert.equal((await send(receiver)).status, 500);
  const busy = await send(receiver, { hook: "other" });
  assert.equal(busy.status, 429);
  assert.equal(busy.headers.get("retry-after"), "5");
  const moved = await send(receiver);
  assert.equal(moved.status, 302);
  assert.equal(moved.headers.get("location"), "/x");
  assert.equal((await send(receiver)).status, 204);
  assert.equal((await send(receiver)).status, 200);
  assert.deepEqual(
    receiver.messages().map((message) => message.answered),
    [200, 204, 302, 429, 500, 500],
  );
  assert.ok(receiver.messages().every((message) => message.verified));
});

test("an answer can be late", async (t) => {
  const receiver = await receiverFor(t);
  receiver.answer([{ status: 200, delayMs: 60 }]);
  const began = performance.now();
  await send(receiver);
  assert.ok(performance.now() - began >= 55);
});

test("only a POST to a hook's address is taken", async (t) => {
  const receiver = await receiverFor(t);
  assert.equal((await fetch(`${receiver.url}/hooks/ops`)).status, 405);
  for (const path of ["/hooks/", "/hooks/a/b", "/hooks/%2e%2e%2f", "/nothing"]) {
    assert.equal((await fetch(receiver.url + path, { method: "POST", body })).status, 404, path);
  }
  const large = await fetch(`${receiver.url}/hooks/ops`, {
    method: "POST",
    body: "x".repeat(1_000_001),
  });
  assert.equal(large.status, 413);
  assert.equal(receiver.messages().length, 0);
});

test("the page is there with its parts", async (t) => {
  const receiver = await receiverFor(t);
  const html = await (await fetch(receiver.url)).text();
  for (const [, path = ""] of html.matchAll(/(?:src|href)="(\/[^"]+)"/g)) {
    assert.equal((await fetch(receiver.url + path)).status, 200, path);
  }
});
