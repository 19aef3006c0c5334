import assert from "node:assert/strict";
import { createRouter, pathInFunction } from "./router.ts";

const named = (name: string) => () => new Response(name);
const route = createRouter([
  { method: "GET", path: "/things", handle: named("list") },
  { method: "POST", path: "/things", handle: named("make") },
  { method: "GET", path: "/things/:thing_id", handle: named("one") },
]);
const found = async (method: string, path: string) => {
  const { handle, methods, params } = route(method, path);
  const answer = await handle?.({
    request: new Request("http://a/"),
    url: new URL("http://a/"),
    params,
  });
  return [await answer?.text(), methods, params];
};

Deno.test("a route is found by its method and path, its parts decoded", async () => {
  const both = ["GET", "HEAD", "POST"];
  assert.deepEqual(await found("GET", "/things"), ["list", both, {}]);
  assert.deepEqual(await found("HEAD", "/things"), ["list", both, {}]);
  assert.deepEqual(await found("POST", "/things"), ["make", both, {}]);
  assert.deepEqual(await found("DELETE", "/things"), [undefined, both, {}]);
  const get = ["GET", "HEAD"];
  assert.deepEqual(await found("GET", "/things/a%2Fb%20%C3%BC"), [
    "one",
    get,
    { thing_id: "a/b ü" },
  ]);
  assert.deepEqual(await found("GET", "/things/"), ["one", get, { thing_id: "" }]);
  for (const path of ["/", "/thing", "/things/a/b", "/Things", "/things//"]) {
    assert.deepEqual((await found("GET", path))[1], [], path);
  }
  assert.throws(() => route("GET", "/things/%E0%A4%A"), { status: 400 });
});

Deno.test("the function's own name and the gateway's prefix are no part of the path", () => {
  const paths = {
    "https://ref.functions.example/tocsin-api/health": "/health",
    "http://127.0.0.1:54321/functions/v1/tocsin-api/health": "/health",
    "http://127.0.0.1/tocsin-api": "/",
    "http://127.0.0.1/health": "/health",
    "http://127.0.0.1/tocsin-apis/health": "/tocsin-apis/health",
  };
  for (const [url, path] of Object.entries(paths)) assert.equal(pathInFunction(new URL(url)), path);
});
