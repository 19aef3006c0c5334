import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { z } from "zod";
import { startInbox, type Inbox, type InboxOptions } from "./inbox.ts";
import { messageSchema } from "./resend.ts";

/** What Resend answers: an id, or what is wrong. */
const answerSchema = z.object({
  id: z.string().default(""),
  statusCode: z.number().optional(),
  name: z.string().default(""),
  message: z.string().default(""),
});

const email = {
  from: "Tocsin <alerts@shop.example>",
  to: ["ops@shop.example"],
  subject: "order-import failed",
  html: "<p>It failed</p>",
  text: "It failed",
  tags: [{ name: "tocsin_severity", value: "high" }],
};

async function inboxFor(t: TestContext, options: Partial<InboxOptions> = {}): Promise<Inbox> {
  const inbox = await startInbox({ port: 0, ...options });
  t.after(() => inbox.stop());
  return inbox;
}

async function send(inbox: Inbox, body: unknown = email, headers: Record<string, string> = {}) {
  const response = await fetch(`${inbox.url}/emails`, {
    method: "POST",
    headers: { authorization: "Bearer re_123", "content-type": "application/json", ...headers },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
  return {
    status: response.status,
    headers: response.headers,
    body: answerSchema.parse(await response.json()),
  };
}

test("an email is taken, answered with an id, and listed with all that came", async (t) => {
  const inbox = await inboxFor(t);
  const answer = await send(inbox, email, { "idempotency-key": "k1" });
  assert.equal(answer.status, 200);
  assert.match(answer.body.id, /^[0-9a-f-]{36}$/);
  const list = z.object({ messages: z.array(messageSchema) });
  const { messages } = list.parse(await (await fetch(`${inbox.url}/_messages`)).json());
  assert.equal(messages.length, 1);
  assert.equal(messages[0]?.id, answer.body.id);
  assert.equal(messages[0]?.subject, email.subject);
  assert.deepEqual(messages[0]?.to, email.to);
  assert.deepEqual(messages[0]?.tags, email.tags);
  assert.equal(messages[0]?.idempotency_key, "k1");
});

test("it listens on the loopback address only", async (t) => {
  const inbox = await inboxFor(t);
  assert.equal(inbox.url, `http://127.0.0.1:${inbox.port}`);
});

test("the newest email comes first, and only the last ones are kept", async (t) => {
  const inbox = await inboxFor(t, { keep: 3 });
  for (const subject of ["a", "b", "c", "d"]) await send(inbox, { ...email, subject });
  assert.deepEqual(
    inbox.messages().map((message) => message.subject),
    ["d", "c", "b"],
  );
});

test("without a key, or with a wrong one, Resend's errors are answered", async (t) => {
  const inbox = await inboxFor(t);
  const missing = await send(inbox, email, { authorization: "" });
  assert.equal(missing.status, 401);
  assert.deepEqual(missing.body, {
    id: "",
    statusCode: 401,
    message: "Missing API Key",
    name: "missing_api_key",
  });
  const wrong = await send(inbox, email, { authorization: "Bearer nothing" });
  assert.equal(wrong.status, 403);
  assert.equal(wrong.body.name, "invalid_api_key");
  const one = await inboxFor(t, { keys: ["re_the_one"] });
  assert.equal((await send(one)).status, 403);
  assert.equal((await send(one, email, { authorization: "Bearer re_the_one" })).status, 200);
});

test("what Resend would not send is refused with its names", async (t) => {
  const inbox = await inboxFor(t);
  const cases: [unknown, number, string, RegExp][] = [
    ["{", 400, "validation_error", /JSON/],
    [[], 422, "validation_error", /body/],
    [{ ...email, to: undefined }, 422, "missing_required_field", /`to`/],
    [{ ...email, from: "nobody" }, 422, "validation_error", /`from`.*Name <email@example.com>/],
    [{ ...email, to: ["a@b.example", "c"] }, 422, "validation_error", /`to`/],
    [{ ...email, to: "a@b.example\r\nBcc: c@d.example" }, 422, "validation_error", /`to`/],
    [{ ...email, to: Array(51).fill("a@b.example") }, 422, "validation_error", /50/],
    [{ ...email, html: undefined, text: undefined }, 422, "missing_required_field", /html/],
    [{ ...email, tags: [{ name: "a b", value: "c" }] }, 422, "validation_error", /Tags/],
    [{ ...email, subject: 7 }, 422, "validation_error", /subject/],
  ];
  for (const [body, status, name, message] of cases) {
    const answer = await send(inbox, body);
    assert.equal(answer.status, status, JSON.stringify(body));
    assert.equal(answer.body.statusCode, status);
    assert.equal(answer.body.name, name);
    assert.match(answer.body.message, message);
  }
  assert.equal(inbox.messages().length, 0);
});

test("the same request under the same key is answered the same and shown once", async (t) => {
  const inbox = await inboxFor(t);
  const first = await send(inbox, email, { "idempotency-key": "k1" });
  const second = await send(inbox, email, { "idempotency-key": "k1" });
  assert.deepEqual(second.body, first.body);
  assert.equal(inbox.messages().length, 1);
  assert.equal(inbox.messages()[0]?.repeat_count, 1);
});

test("another request under the same key is a conflict; under another key it is another email", async (t) => {
  const inbox = await inboxFor(t);
  await send(inbox, email, { "idempotency-key": "k1" });
  const conflict = await send(inbox, { ...email, subject: "x" }, { "idempotency-key": "k1" });
  assert.equal(conflict.status, 409);
  assert.equal(conflict.body.name, "invalid_idempotent_request");
  assert.equal((await send(inbox, email, { "idempotency-key": "k2" })).status, 200);
  assert.equal(inbox.messages().length, 2);
  const long = await send(inbox, email, { "idempotency-key": "k".repeat(257) });
  assert.equal(long.status, 400);
  assert.equal(long.body.name, "invalid_idempotency_key");
});

test("a key is forgotten after 24 hours", async (t) => {
  let now = Date.parse("2026-11-21T09:00:00Z");
  const inbox = await inboxFor(t, { now: () => new Date(now) });
  const first = await send(inbox, email, { "idempotency-key": "k1" });
  now += 24 * 3_600_000 - 1;
  assert.deepEqual((await send(inbox, email, { "idempotency-key": "k1" })).body, first.body);
  now += 1;
  assert.notDeepEqual((await send(inbox, email, { "idempotency-key": "k1" })).body, first.body);
});

test("requests fail as asked, as often as asked, and then succeed", async (t) => {
  const inbox = await inboxFor(t);
  const control = await fetch(`${inbox.url}/_control`, {
    method: "POST",
    body: JSON.stringify({
      fail: [
        { status: 500, times: 2 },
        { status: 429, retryAfter: 7 },
        { status: 422, message: "no" },
      ],
    }),
  });
  assert.equal(control.status, 200);
  const answers = [];
  for (let i = 0; i < 5; i += 1) answers.push(await send(inbox));
  assert.deepEqual(
    answers.map((answer) => answer.status),
    [500, 500, 429, 422, 200],
  );
  assert.equal(answers[0]?.body.name, "application_error");
  assert.equal(answers[2]?.body.name, "rate_limit_exceeded");
  assert.equal(answers[2]?.headers.get("retry-after"), "7");
  assert.equal(answers[3]?.body.message, "no");
  assert.equal(inbox.messages().length, 1);
  const bad = await fetch(`${inbox.url}/_control`, { method: "POST", body: '{"fail":1}' });
  assert.equal(bad.status, 400);
});

test("messages outlive a restart when there is a file, and a broken file is an empty one", async (t) => {
  const directory = mkdtempSync(join(tmpdir(), "tocsin-inbox-"));
  t.after(() => rmSync(directory, { recursive: true }));
  const file = join(directory, "deep", "inbox.json");
  const first = await startInbox({ port: 0, file });
  await send(first, email, { "idempotency-key": "k1" });
  await first.stop();
  const second = await inboxFor(t, { file });
  assert.equal(second.messages()[0]?.subject, email.subject);
  await send(second, email, { "idempotency-key": "k1" });
  assert.equal(second.messages().length, 1, "and the key is remembered");
  const { writeFileSync } = await import("node:fs");
  writeFileSync(join(directory, "broken.json"), "[{");
  const third = await inboxFor(t, { file: join(directory, "broken.json") });
  assert.equal(third.messages().length, 0);
});

test("an email's HTML is served where it can run, load and send nothing", async (t) => {
  const inbox = await inboxFor(t);
  const html = "<!doctype html><html><body><script>alert(1)</script></body></html>";
  const { body } = await send(inbox, { ...email, html });
  const answer = await fetch(`${inbox.url}/_messages/${body.id}/html`);
  const policy = answer.headers.get("content-security-policy") ?? "";
  assert.match(policy, /^sandbox [^;]*; default-src 'none'/);
  assert.ok(!policy.includes("allow-scripts") && !policy.includes("allow-same-origin"));
  assert.equal(answer.headers.get("x-content-type-options"), "nosniff");
  assert.equal(await answer.text(), html.replace("<html>", '<base target="_blank"><html>'));
});

test("an email can be looked at in light and in dark", async (t) => {
  const inbox = await inboxFor(t);
  const html = "<style>@media (prefers-color-scheme:dark){p{color:red}}</style>";
  const { body } = await send(inbox, { ...email, html });
  const url = `${inbox.url}/_messages/${body.id}/html`;
  assert.ok((await (await fetch(url)).text()).includes("@media (prefers-color-scheme:dark)"));
  assert.ok((await (await fetch(`${url}?scheme=dark`)).text()).includes("@media all{"));
  assert.ok((await (await fetch(`${url}?scheme=light`)).text()).includes("@media not all{"));
});

test("the page is there with its parts, under a policy that lets nothing else in", async (t) => {
  const inbox = await inboxFor(t);
  const page = await fetch(inbox.url);
  assert.match(page.headers.get("content-type") ?? "", /text\/html/);
  assert.match(
    page.headers.get("content-security-policy") ?? "",
    /default-src 'none'; script-src 'self'/,
  );
  const html = await page.text();
  for (const [, path = ""] of html.matchAll(/(?:src|href)="(\/[^"]+)"/g)) {
    assert.equal((await fetch(inbox.url + path)).status, 200, path);
  }
  assert.ok(!/https?:\/\//.test(html), "nothing from elsewhere");
});

test("nothing but the pages' own files is served", async (t) => {
  const inbox = await inboxFor(t);
  for (const path of [
    "/..%2finbox.ts",
    "/%2e%2e/inbox.ts",
    "/inbox.ts",
    "/x.js",
    "/_messages/none",
    "/emails",
  ]) {
    const answer = await fetch(inbox.url + path);
    assert.equal(answer.status, 404, path);
    assert.match(await answer.text(), /"code":"not_found"/);
  }
});

test("an open page is told of each change", async (t) => {
  const inbox = await inboxFor(t);
  const stop = new AbortController();
  const stream = await fetch(`${inbox.url}/_events`, { signal: stop.signal });
  assert.equal(stream.headers.get("content-type"), "text/event-stream");
  const reader = stream.body?.pipeThrough(new TextDecoderStream()).getReader();
  assert.ok(reader);
  let seen = (await reader.read()).value ?? "";
  await send(inbox);
  while (!seen.includes("event: change")) seen += (await reader.read()).value ?? "";
  stop.abort();
});

test("a test can wait for an email that is still to come, and not for ever", async (t) => {
  const inbox = await inboxFor(t);
  const waiting = inbox.waitFor((message) => message.subject === "late", 5_000);
  await send(inbox, { ...email, subject: "early" });
  await send(inbox, { ...email, subject: "late" });
  assert.equal((await waiting).subject, "late");
  assert.equal((await inbox.waitFor(({ subject }) => subject === "early")).subject, "early");
  await assert.rejects(
    inbox.waitFor(() => false, 20),
    /No such message within 20 ms/,
  );
});

test("the inbox can be emptied", async (t) => {
  const inbox = await inboxFor(t);
  await send(inbox);
  await fetch(`${inbox.url}/_messages`, { method: "DELETE" });
  assert.equal(inbox.messages().length, 0);
});
