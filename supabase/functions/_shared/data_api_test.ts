import assert from "node:assert/strict";
import { z } from "zod";
import { type Caller, createDataApi, DataApiError } from "./data_api.ts";
import { serve, type TestServer } from "./testing/servers.ts";

const service: Caller = { kind: "service" };
const user: Caller = { kind: "user", token: "a.users.token" };

function dataApi({ url }: Pick<TestServer, "url">, timeoutMs = 5_000) {
  const values: Record<string, string> = {
    SUPABASE_URL: url,
    SUPABASE_SECRET_KEYS: '{"default":"sb_secret_test"}',
    SUPABASE_PUBLISHABLE_KEYS: '{"default":"sb_publishable_test"}',
  };
  return createDataApi({ env: { get: (name) => values[name] }, fetch, timeoutMs });
}

async function failure(work: Promise<unknown>): Promise<DataApiError> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof DataApiError, String(error));
  return error;
}

Deno.test("a function of the schema tocsin is called, and its answer read", async () => {
  await using server = serve(() => Response.json({ number: 7 }));
  const answer = await dataApi(server).call(
    service,
    "count",
    { p_a: 1 },
    z.object({ number: z.number() }),
  );
  assert.deepEqual(answer, { number: 7 });
  const [request] = server.received;
  assert.equal(request?.method, "POST");
  assert.equal(request?.path, "/rest/v1/rpc/count");
  assert.equal(request?.headers.get("content-profile"), "tocsin");
  assert.deepEqual(JSON.parse(request?.body ?? ""), { p_a: 1 });
});

Deno.test("the service's key goes with the service's calls, and with no user's", async () => {
  await using server = serve(() => Response.json(true));
  await dataApi(server).call(service, "one", {}, z.boolean());
  await dataApi(server).call(user, "two", {}, z.boolean());
  await dataApi(server).call({ kind: "user", token: "sb_secret_own" }, "three", {}, z.boolean());
  const sent = server.received.map(({ headers }) => [
    headers.get("apikey"),
    headers.get("authorization"),
  ]);
  assert.deepEqual(sent, [
    ["sb_secret_test", "Bearer sb_secret_test"],
    ["sb_publishable_test", "Bearer a.users.token"],
    ["sb_secret_own", "Bearer sb_secret_own"],
  ]);
  assert.ok(!JSON.stringify(sent.slice(1)).includes("sb_secret_test"));
});

Deno.test("a refusal keeps its status, code and hint, and says who was refused", async () => {
  await using server = serve(() =>
    Response.json({ code: "TC017", message: "That is no range", hint: "…" }, { status: 400 }),
  );
  const error = await failure(dataApi(server).call(user, "f", {}, z.null()));
  assert.deepEqual(
    [error.caller, error.status, error.code, error.message, error.hint],
    ["user", 400, "TC017", "That is no range", "…"],
  );
});

Deno.test("a gateway's page, silence and nobody there are failures without a code", async () => {
  await using page = serve(() => new Response("<h1>Bad gateway</h1>", { status: 502 }));
  const bad = await failure(dataApi(page).call(service, "f", {}, z.null()));
  assert.deepEqual([bad.status, bad.code], [502, ""]);

  let answer = () => {};
  await using silent = serve(
    () => new Promise((resolve) => (answer = () => resolve(new Response("late")))),
  );
  const late = await failure(dataApi(silent, 50).call(service, "f", {}, z.null()));
  assert.equal(late.status, 0);
  answer();

  const gone = serve(() => new Response());
  await gone[Symbol.asyncDispose]();
  const none = await failure(dataApi(gone).call(service, "f", {}, z.null()));
  assert.equal(none.status, 0);
});

Deno.test("an answer of another shape is a failure, and its text is not told", async () => {
  await using server = serve(() => Response.json({ secret: "inside" }));
  const error = await failure(dataApi(server).call(service, "f", {}, z.string()));
  assert.equal(error.code, "unexpected_answer");
  assert.match(error.hint ?? "", /migrations/);
  assert.doesNotMatch(error.message, /inside/);
});
