import assert from "node:assert/strict";
import { BodyError, readJson, storable } from "./json_body.ts";

const limits = { maxBytes: 100 };

function post(body: BodyInit, headers: Record<string, string> = {}): Request {
  return new Request("http://127.0.0.1/", { method: "POST", body, headers });
}

async function refusal(request: Request, options: Parameters<typeof readJson>[1] = limits) {
  try {
    await readJson(request, options);
  } catch (error) {
    assert.ok(error instanceof BodyError, String(error));
    return [error.status, error.code];
  }
  return assert.fail("it was taken");
}

/** A body of no declared length, of so many chunks of ten bytes; says how many were asked for. */
function chunks(count: number) {
  const told = { asked: 0, canceled: false };
  const body = new ReadableStream({
    pull(controller) {
      told.asked += 1;
      if (told.asked > count) controller.close();
      else controller.enqueue(new TextEncoder().encode('"12345678"'));
    },
    cancel() {
      told.canceled = true;
    },
  });
  return { body, told };
}

Deno.test("JSON of any type is read, whatever the content type", async () => {
  assert.deepEqual(await readJson(post('{"a": ["ä", 1, null]}'), limits), { a: ["ä", 1, null] });
  assert.equal(await readJson(post("42", { "content-type": "text/plain" }), limits), 42);
  assert.equal(await readJson(post("\ufeff42"), limits), 42, "with a byte order mark");
  assert.equal(await readJson(post(`"${"x".repeat(98)}"`), limits), "x".repeat(98));
});

Deno.test("what is too long is refused, whatever its header says of it", async () => {
  assert.deepEqual(await refusal(post(`"${"x".repeat(99)}"`)), [413, "body_too_long"]);
  assert.deepEqual(await refusal(post("1", { "content-length": "101" })), [413, "body_too_long"]);
  const lie = post("x".repeat(1_000), { "content-length": "10" });
  assert.deepEqual(await refusal(lie), [413, "body_too_long"]);
});

Deno.test("a body without an end is read no further than it takes to tell", async () => {
  const { body, told } = chunks(Infinity);
  assert.deepEqual(await refusal(post(body)), [413, "body_too_long"]);
  assert.equal(told.canceled, true);
  assert.ok(told.asked < 170, `${told.asked} chunks`);

  const short = chunks(30);
  assert.deepEqual(await refusal(post(short.body)), [413, "body_too_long"]);
  assert.equal(short.told.canceled, false, "who ends soon is listened to, and sees the answer");
});

Deno.test("what is no JSON is refused, each in its own words", async () => {
  assert.deepEqual(await refusal(post("")), [400, "body_is_empty"]);
  assert.deepEqual(await refusal(new Request("http://127.0.0.1/")), [400, "body_is_empty"]);
  assert.deepEqual(await refusal(post("{nope")), [400, "body_is_not_json"]);
  const packed = post("x", { "content-encoding": "gzip" });
  assert.deepEqual(await refusal(packed), [415, "body_is_packed"]);
  const latin1 = Uint8Array.from([0x22, 0xe4, 0x22]);
  assert.deepEqual(await refusal(post(latin1)), [400, "body_is_not_utf8"]);
  const replacing = { maxBytes: 100, invalidUtf8: "replace" } as const;
  assert.equal(await readJson(post(latin1), replacing), "\ufffd");
});

Deno.test("what Postgres cannot take is replaced or cut, and nothing else", () => {
  const same = { a: [1, "ä😀", null, true, { b: "\n" }] };
  assert.deepEqual(storable(same, 10), same);
  const hostile = JSON.parse('{"a\\u0000": "x\\u0000y", "\\ud800": ["\\udc00"], "__proto__": 1}');
  assert.equal(
    JSON.stringify(storable(hostile, 10)),
    '{"a\ufffd":"x\ufffdy","\ufffd":["\ufffd"],"__proto__":1}',
  );
  const deep = JSON.parse("[".repeat(500_000) + "]".repeat(500_000));
  assert.equal(JSON.stringify(storable(deep, 3)), '[[["[cut: too deep]"]]]');
});
