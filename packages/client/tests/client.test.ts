// The client with a clock of the test's own: batches, retries, bounds, and that it never throws.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { createTocsin } from "../src/client.ts";
import type { SentEvent, TocsinOptions } from "../src/types.ts";
import { failing, taken, testRuntime } from "./runtime.ts";

const url = "https://ref.supabase.co";
const key = "tocsin_ik_test";

function client(answers: Parameters<typeof testRuntime>, options: Partial<TocsinOptions> = {}) {
  const test = testRuntime(...answers);
  const problems: string[] = [];
  const onProblem = (message: string) => problems.push(message);
  const tocsin = createTocsin({ url, key, onProblem, ...options }, test.runtime);
  return { ...test, tocsin, problems };
}

test("what happens within a moment goes in one batch, with the key, to the function", async () => {
  const { tocsin, sent, advance } = client([]);
  const ids = ["a", "b", "c"].map((name) => tocsin.captureException(new Error(name)));
  assert.equal(sent.length, 0, "nothing is sent in the caller's own time");
  assert.equal(tocsin.stats().queued, 3);
  await advance(500);
  assert.equal(sent.length, 1);
  assert.equal(sent[0]?.url, "https://ref.supabase.co/functions/v1/tocsin-api/error-events");
  assert.equal(sent[0]?.headers.get("authorization"), `Bearer ${key}`);
  assert.deepEqual(
    sent[0]?.events.map(({ error_id, message }) => [error_id, message]),
    ids.map((id, n) => [id, ["a", "b", "c"][n]]),
  );
  assert.deepEqual(tocsin.stats(), {
    queued: 0,
    accepted: 3,
    duplicates: 0,
    rejected: 0,
    dropped: 0,
  });
});

test("the function's own URL is taken as it is", async () => {
  const { tocsin, sent, advance } = client([], { url: "http://127.0.0.1:1/x/tocsin-api/" });
  tocsin.report({ message: "x" });
  await advance(500);
  assert.equal(sent[0]?.url, "http://127.0.0.1:1/x/tocsin-api/error-events");
});

test("an event has its own context, else the client's, else the usual", async () => {
  const { tocsin, sent, advance } = client([], {
    defaults: { source: "worker", release: "1.0", node: "all", metadata: { host: "a", zone: "x" } },
  });
  tocsin.captureException(new TypeError("boom"), {
    node: "one",
    metadata: { host: "b" },
    timestamp: new Date("2031-01-01T00:00:00Z"),
  });
  createTocsin({ url, key }, { ...testRuntime().runtime }).report({ message: "x" });
  await advance(500);
  const { error_id, stack, ...event } = sent[0]?.events[0] ?? ({} as SentEvent);
  assert.match(error_id ?? "", /^[0-9a-f-]{36}$/);
  assert.match(stack ?? "", /^TypeError: boom\n/);
  assert.deepEqual(event, {
    source: "worker",
    release: "1.0",
    node: "one",
    exception: "TypeError",
    message: "boom",
    timestamp: "2031-01-01T00:00:00.000Z",
    metadata: { host: "b", zone: "x" },
  });
});

test("a batch has at most 100 errors, and a full one goes at once", async () => {
  const { tocsin, sent, advance } = client([]);
  for (let n = 0; n < 250; n += 1) tocsin.report({ message: `${n}` });
  await advance(0);
  assert.deepEqual(
    sent.map(({ events, at }) => [events.length, at]),
    [
      [100, 0],
      [100, 0],
      [50, 0],
    ],
  );
});

test("a batch has at most so many bytes, whatever is in it", async () => {
  const { tocsin, sent, advance } = client([]);
  for (let n = 0; n < 60; n += 1) {
    tocsin.report({ message: "x", metadata: { a: "x".repeat(50_000), b: "y".repeat(50_000) } });
  }
  for (let n = 0; n < 60; n += 1) tocsin.report({ message: "x", stack: "s".repeat(1e6) });
  await advance(5_000);
  for (const { events } of sent) assert.ok(JSON.stringify(events).length < 800_000);
  assert.equal(tocsin.stats().accepted, 120);
});

test("what gets no answer is sent again, later and later, under the same ids", async () => {
  const down = new TypeError("fetch failed");
  const { tocsin, sent, advance, problems } = client([down, failing(503), failing(500), down]);
  const id = tocsin.captureException(new Error("a"));
  await advance(60_000);
  assert.deepEqual(
    sent.map(({ at }) => at),
    [500, 1_500, 3_500, 7_500, 15_500],
  );
  assert.deepEqual([...new Set(sent.flatMap(({ events }) => events[0]?.error_id))], [id]);
  assert.deepEqual([tocsin.stats().accepted, tocsin.stats().dropped], [1, 0]);
  assert.equal(problems.length, 1, "and that is said once");
});

test("Retry-After is honoured, in seconds and as a date", async () => {
  const date = new Date(Date.parse("2031-05-10T09:02:00Z")).toUTCString();
  const { tocsin, sent, advance } = client([
    failing(429, { "retry-after": "42" }),
    failing(503, { "retry-after": date }),
  ]);
  tocsin.report({ message: "a" });
  await advance(10_000);
  tocsin.report({ message: "b" });
  assert.equal(await settled(tocsin.flush(5_000), () => advance(5_000)), false);
  assert.equal(sent.length, 1, "not even to flush is it asked again before");
  await advance(300_000);
  assert.deepEqual(
    sent.map(({ at, events }) => [at, events.length]),
    [
      [500, 1],
      [42_500, 2],
      [120_000, 2],
    ],
  );
});

test("a limit is waited out however often it is met; other failures have an end", async () => {
  const limits = Array.from({ length: 40 }, () => failing(429, { "retry-after": "1" }));
  const patient = client(limits, { maxAttempts: 3 });
  patient.tocsin.report({ message: "a" });
  await patient.advance(60_000);
  assert.equal(patient.tocsin.stats().accepted, 1);

  const gone = Array.from({ length: 3 }, () => failing(503, { "retry-after": "5" }));
  const { tocsin, sent, advance } = client(gone, { maxAttempts: 3 });
  tocsin.report({ message: "a" });
  await advance(60_000);
  assert.equal(sent.length, 3);
  assert.deepEqual([tocsin.stats().queued, tocsin.stats().dropped], [0, 1]);
});

test("the queue is bounded; what is dropped is counted, and told when there is an answer", async () => {
  const { tocsin, sent, advance } = client([new Error("down")], { queueSize: 10 });
  for (let n = 0; n < 25; n += 1) tocsin.report({ message: `${n}` });
  assert.deepEqual([tocsin.stats().queued, tocsin.stats().dropped], [10, 15]);
  await advance(10_000);
  const all = sent.at(-1)?.events ?? [];
  assert.equal(all[0]?.message, "Errors that were dropped before they could be reported: 15");
  assert.deepEqual(all[0]?.metadata, { dropped_count: 15 });
  assert.deepEqual(
    sent[1]?.events.map(({ message }) => message),
    Array.from({ length: 10 }, (_, n) => `${n}`),
    "the first ones are kept: they tell how it began",
  );
  assert.equal(tocsin.stats().accepted, 11);

  const large = client([]);
  for (let n = 0; n < 500; n += 1) large.tocsin.report({ message: "x", stack: "s".repeat(30_000) });
  assert.ok(large.tocsin.stats().dropped > 200, "by size too");
});

test("who is refused drops what was sent, says so once, and asks ever less often", async () => {
  const { tocsin, sent, advance, problems } = client(Array.from({ length: 5 }, () => failing(401)));
  for (let second = 0; second < 30; second += 1) {
    tocsin.report({ message: "x" });
    await advance(1_000);
  }
  assert.ok(sent.length <= 6, `${sent.length} requests in 30 s`);
  assert.ok(tocsin.stats().dropped > 1);
  assert.deepEqual(problems, ["Tocsin answered 401: not now"]);
});

test("what Tocsin cannot take is counted, with the reason told", async () => {
  const partly = Response.json({
    accepted: 1,
    duplicates: 1,
    rejected: 1,
    results: [{}, {}, { issues: [{ path: "severity", message: "One of: low." }] }],
  });
  const none = Response.json(
    { error: { message: "None.", issues: [{ path: "0.severity", message: "One of: low." }] } },
    { status: 400 },
  );
  const { tocsin, advance, problems } = client([partly, none]);
  for (let n = 0; n < 3; n += 1) tocsin.report({ message: "x" });
  await advance(500);
  tocsin.report({ message: "x" });
  await advance(500);
  const { accepted, duplicates, rejected, dropped, queued } = tocsin.stats();
  assert.deepEqual([accepted, duplicates, rejected, dropped, queued], [1, 1, 2, 0, 0]);
  assert.deepEqual(problems, ["An error was rejected: severity: One of: low."]);
});

test("a batch that is too large is sent in halves, down to the error that is", async () => {
  const picky = (events: SentEvent[]): Response =>
    events.some(({ message }) => message === "huge") ? failing(413) : taken(events);
  const { tocsin, advance } = client(Array.from({ length: 20 }, () => picky));
  for (let n = 0; n < 9; n += 1) tocsin.report({ message: n === 4 ? "huge" : "x" });
  await advance(10_000);
  const { accepted, dropped, queued } = tocsin.stats();
  assert.deepEqual([accepted, dropped, queued], [9, 1, 0], "eight, and what says one was dropped");
});

test("an error that the server cannot bear costs the others of its batch nothing but time", async () => {
  const weak = (events: SentEvent[]): Response =>
    events.some(({ message }) => message === "poison") ? failing(503) : taken(events);
  const { tocsin, advance } = client(
    Array.from({ length: 100 }, () => weak),
    { maxAttempts: 8 },
  );
  for (let n = 0; n < 16; n += 1) tocsin.report({ message: n === 5 ? "poison" : "x" });
  await advance(3_600_000);
  const { accepted, dropped, queued } = tocsin.stats();
  assert.deepEqual(
    [accepted, dropped, queued],
    [16, 1, 0],
    "fifteen, and what says one was dropped",
  );
});

test("flush() answers whether all was settled within the time, and never rejects", async () => {
  const { tocsin, sent, advance } = client([
    new Error("down"),
    () => new Promise<Response>(() => undefined),
  ]);
  assert.equal(await tocsin.flush(), true, "nothing waits");
  tocsin.report({ message: "x" });
  assert.equal(await settled(tocsin.flush(100), () => advance(100)), false);
  assert.equal(await settled(tocsin.flush(2_000), () => advance(2_000)), false, "still on its way");
  assert.equal(sent.length, 2);

  const good = client([failing(500)]);
  good.tocsin.report({ message: "x" });
  assert.equal(await settled(good.tocsin.flush(3_000), () => good.advance(3_000)), true);
  assert.deepEqual(
    good.sent.map(({ at }) => at),
    [0, 1_000],
  );
});

test("flushing again and again does not wear out a server that is down", async () => {
  const { tocsin, sent, advance } = client(
    Array.from({ length: 100 }, () => failing(500)),
    {
      maxAttempts: 1_000,
    },
  );
  tocsin.report({ message: "x" });
  for (let n = 0; n < 100; n += 1) {
    void tocsin.flush(5_000);
    await advance(100);
  }
  assert.ok(sent.length >= 5 && sent.length <= 11, `${sent.length} requests in 10 s`);
});

test("a process stays for what was just gathered, and not for an outage", async () => {
  const { tocsin, advance, timers } = client([new Error("down")]);
  tocsin.report({ message: "x" });
  assert.deepEqual(
    timers().map(({ keepsAlive }) => keepsAlive),
    [true],
  );
  await advance(500);
  assert.deepEqual(
    timers().map(({ keepsAlive }) => keepsAlive),
    [false],
  );
});

test("without a URL or a key nothing is sent, that is said once, and nothing fails", async () => {
  for (const options of [
    { url: undefined, key },
    { url, key: undefined },
    { url, key: "" },
    { url: "not a url", key },
    { url: "file:///etc/passwd", key },
  ]) {
    const { tocsin, sent, problems, advance } = client([], options);
    assert.match(tocsin.captureException(new Error("x")), /^[0-9a-f-]{36}$/);
    tocsin.report({ message: "x" });
    await advance(5_000);
    assert.equal(await tocsin.flush(), true);
    assert.deepEqual([sent.length, tocsin.stats().dropped, problems.length], [0, 2, 1]);
  }
});

test("beforeSend may change an event or keep it back; one that throws keeps it back", async () => {
  const { tocsin, sent, advance, problems } = client([], {
    beforeSend: (event) => {
      if (event.message === "secret") return null;
      if (event.message === "bug") throw new Error("a bug");
      return { ...event, message: "changed" };
    },
  });
  for (const message of ["secret", "bug", "x"]) tocsin.report({ message });
  await advance(2_000);
  assert.deepEqual(
    sent[0]?.events.map(({ message }) => message),
    ["changed"],
  );
  assert.equal(tocsin.stats().dropped, 1);
  assert.match(problems[0] ?? "", /a bug/);
});

test("whatever is thrown at it, it never throws", async () => {
  const cyclic: Record<string, unknown> = { name: "cyclic" };
  cyclic["self"] = cyclic;
  const trap = new Proxy(
    {},
    {
      get: () => {
        throw new Error("get");
      },
      ownKeys: () => {
        throw new Error("ownKeys");
      },
      getPrototypeOf: () => {
        throw new Error("getPrototypeOf");
      },
    },
  );
  const getter = Object.defineProperty({}, "message", {
    enumerable: true,
    get: () => {
      throw new Error("message");
    },
  });
  const noText = { toString: null, valueOf: null, [Symbol.toPrimitive]: null };
  const deep: unknown = Array.from({ length: 5_000 }).reduce((inner) => ({ inner }), 1);
  const hostile = [undefined, null, 0, NaN, "", "\ud800\0", 10n, Symbol("s"), () => 1, [], cyclic];
  const all: unknown[] = [...hostile, trap, getter, noText, deep, new Date(NaN)];
  all.push(Object.create(null), "x".repeat(1e6), new Map([[trap, trap]]), new Uint8Array(9));
  const { tocsin, sent, advance } = client([], { onProblem: () => assert.fail("told") });
  for (const thing of all) {
    for (const context of [
      {},
      { metadata: { thing } },
      { metadata: thing as never },
      { timestamp: thing as never, node: thing as never },
      thing as never,
    ]) {
      assert.equal(typeof tocsin.captureException(thing, context), "string");
      assert.equal(typeof tocsin.report(context), "string");
    }
  }
  await advance(10_000);
  const counted = tocsin.stats();
  assert.equal(counted.queued, 0);
  assert.ok(sent.flatMap(({ events }) => events).length > 100);

  const broken = createTocsin(
    { url, key },
    {
      ...testRuntime().runtime,
      fetch: () => {
        throw new Error("no fetch");
      },
    },
  );
  broken.report({ message: "x" });
});

test("the package is of the pack's version, and depends on nothing", () => {
  const read = (path: string) =>
    JSON.parse(readFileSync(new URL(path, import.meta.url), "utf8")) as Record<string, unknown>;
  const client = read("../package.json");
  assert.equal(client["version"], read("../../../package.json")["version"]);
  assert.deepEqual(
    Object.keys(client).filter((key) => /dependencies/i.test(key)),
    [],
  );
});

/** What a promise comes to, while something makes time pass. */
async function settled<T>(promise: Promise<T>, meanwhile: () => Promise<void>): Promise<T> {
  await meanwhile();
  return promise;
}
