// What is said of the errors that Node, fetch, Postgres, supabase-js and SvelteKit make.

import assert from "node:assert/strict";
import { test } from "node:test";
import { boundedObject } from "../src/bounded.ts";
import { describe } from "../src/describe.ts";

function thrownBy(call: () => unknown): unknown {
  try {
    call();
  } catch (error) {
    return error;
  }
  return assert.fail("nothing was thrown");
}

test("an error says its name, message and stack", () => {
  const { message, exception, stack } = describe(thrownBy(() => (undefined as never)["x"]));
  assert.match(message ?? "", /Cannot read properties of undefined/);
  assert.equal(exception, "TypeError");
  assert.match(stack ?? "", /at thrownBy/);
  class OrderError extends Error {}
  assert.equal(describe(new OrderError("x")).exception, "OrderError", "by its class, if unnamed");
});

test("fetch's own message says nothing, so its cause is told with it", async () => {
  const error: unknown = await fetch("http://127.0.0.1:1/").catch((thrown: unknown) => thrown);
  const { message, exception, stack, metadata, sqlstate } = describe(error);
  assert.match(message ?? "", /^fetch failed: .*(ECONNREFUSED|bad port)/);
  assert.equal(exception, "TypeError");
  assert.match(stack ?? "", /Caused by: /);
  assert.equal(sqlstate, undefined);
  assert.ok(metadata === undefined || "code" in metadata);
});

test("causes are followed, and a circle of them has an end", () => {
  const root = Object.assign(new Error("disk full"), { code: "ENOSPC" });
  const middle = new Error("cannot write", { cause: root });
  const { message, metadata } = describe(new Error("export failed", { cause: middle }));
  assert.equal(message, "export failed: cannot write: disk full");
  assert.deepEqual(metadata, { code: "ENOSPC" });
  const one = new Error("one");
  one.cause = new Error("two", { cause: one });
  assert.equal(describe(one).message, "one: two");
});

test("errors of Postgres and PostgREST say their SQLSTATE, others' codes are no SQLSTATE", () => {
  const unique = { message: "duplicate key", code: "23505", details: "Key (id)=(1)", hint: null };
  assert.deepEqual(describe(unique), {
    message: "duplicate key",
    exception: "Error",
    sqlstate: "23505",
    metadata: { code: "23505", details: "Key (id)=(1)" },
  });
  const postgrest = Object.assign(new Error("JWT expired"), { code: "PGRST301" });
  postgrest.name = "PostgrestError";
  assert.deepEqual(
    [describe(postgrest).exception, describe(postgrest).sqlstate],
    ["PostgrestError", "PGRST301"],
  );
  assert.equal(describe(Object.assign(new Error("x"), { code: "EPIPE" })).sqlstate, undefined);
  assert.equal(describe(Object.assign(new Error("x"), { code: "40P01" })).sqlstate, "40P01");
});

test("an HTTP status that an error carries is told", () => {
  assert.equal(describe(Object.assign(new Error("x"), { status: 502 })).http_status, 502);
  assert.equal(describe(Object.assign(new Error("x"), { statusCode: 429 })).http_status, 429);
  assert.equal(describe(Object.assign(new Error("x"), { status: "error" })).http_status, undefined);
  assert.equal(describe(Object.assign(new Error("x"), { status: 7 })).http_status, undefined);
  const kit = { status: 503, body: { message: "The shop is closed" } };
  assert.deepEqual([describe(kit).message, describe(kit).http_status], ["The shop is closed", 503]);
});

test("several errors at once are told together", () => {
  const { message, exception, metadata } = describe(
    new AggregateError([new Error("a"), "b"], "all of them failed"),
  );
  assert.deepEqual([message, exception], ["all of them failed", "AggregateError"]);
  assert.deepEqual(metadata, { errors: ["a", "b"] });
});

test("what is no error is told as what it is", () => {
  assert.equal(describe("a text").message, "a text");
  assert.equal(describe("").message, "An empty text was thrown");
  assert.equal(describe(undefined).message, "undefined was thrown");
  assert.equal(describe(42).message, "42 was thrown");
  assert.equal(describe({}).message, "Error");
  assert.equal(describe(new Error("")).message, "Error", "Tocsin needs something to show");
});

test("metadata is cut until it fits, whatever it is", () => {
  const long = boundedObject({ text: "x".repeat(100_000), fine: [1, true, null] });
  assert.deepEqual([String(long["text"]).length < 9_000, long["fine"]], [true, [1, true, null]]);
  const wide = Object.fromEntries(
    Array.from({ length: 10_000 }, (_, n) => [`k${n}`, "v".repeat(99)]),
  );
  for (const hostile of [wide, { wide: [wide, wide, wide] }, { list: Array(1e5).fill(wide) }]) {
    assert.ok(JSON.stringify(boundedObject(hostile)).length <= 60_000);
  }
  const self: Record<string, unknown> = { date: new Date(0), big: 10n, set: new Set(["a"]) };
  self["self"] = self;
  self["error"] = new TypeError("inner");
  assert.deepEqual(boundedObject(self), {
    date: "1970-01-01T00:00:00.000Z",
    big: "10",
    set: ["a"],
    self: "[circular]",
    error: "TypeError: inner",
  });
});
