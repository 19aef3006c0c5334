import assert from "node:assert/strict";
import { DataApiError } from "../_shared/data_api.ts";
import { createHandler } from "./handler.ts";
import { ask, fakeDb, testDeps } from "./testing/fixtures.ts";

const eventId = "0f6d1f0e-2a4e-4d0e-8a5b-7a1a3b0c9d21";
const secrets = { SUPABASE_SECRET_KEYS: '{"default": "sb_secret_a"}', TOCSIN_ENVIRONMENT: "live" };

function api(answer: unknown = { event_id: eventId }) {
  const db = fakeDb({ trigger_alert: answer, read_decisions: [] });
  const handle = createHandler(testDeps(db, secrets));
  const post = async (body: unknown, init: { token?: string; headers?: HeadersInit } = {}) => {
    const text = JSON.stringify(body);
    const request = { method: "POST", body: text, token: "sb_secret_a", ...init };
    const answer = await handle(ask("/alerts/trigger", request));
    return { status: answer.status, headers: answer.headers, body: await answer.json() };
  };
  return { db, handle, post };
}

Deno.test("who does not hold the secret key triggers nothing", async () => {
  const { db, post } = api();
  for (const token of ["a.users.token", "sb_publishable_x", "sb_secret_other", ""]) {
    const { status, body, headers } = await post({ title: "x" }, { token });
    assert.equal(status, 401, token);
    assert.equal(body.error.code, "unauthorized");
    assert.equal(headers.get("www-authenticate"), "Bearer");
  }
  assert.deepEqual(db.calls, []);
});

Deno.test("a failure is handed on, and the address of its decision answered", async () => {
  const { db, post } = api();
  const failure = { project_id: "shop", workflow_id: "import", run_id: 17, severity: "high" };
  const { status, headers, body } = await post({
    ...failure,
    title: "Payments are down",
    message: "HTTP 502",
    metadata: { region: "eu" },
    idempotency_key: "incident-7",
  });
  const decisions = `/functions/v1/tocsin-api/alerts/decisions/${eventId}`;
  assert.deepEqual([status, body], [202, { event_id: eventId, decisions }]);
  assert.equal(headers.get("location"), decisions);
  assert.deepEqual(db.calls[0], {
    caller: { kind: "service" },
    name: "trigger_alert",
    args: {
      p_failure: {
        ...failure,
        metadata: { region: "eu" },
        message: "Payments are down: HTTP 502",
      },
      p_idempotency_key: "incident-7",
      p_environment: "live",
    },
  });
});

Deno.test("a title or a message is enough; the key may come as a header", async () => {
  const { db, post } = api();
  await post({ title: "Down" }, { headers: { "idempotency-key": "k" } });
  await post({ message: "HTTP 502" });
  assert.deepEqual(
    db.calls.map(({ args }) => [args["p_failure"], args["p_idempotency_key"]]),
    [
      [{ message: "Down" }, "k"],
      [{ message: "HTTP 502" }, null],
    ],
  );
});

Deno.test("what cannot be used is named by field", async () => {
  const { db, post } = api();
  const paths = async (body: unknown, headers: HeadersInit = {}) => {
    const answer = await post(body, { headers });
    assert.equal(answer.status, 400);
    return answer.body.error.issues.map((issue: { path: string }) => issue.path).sort();
  };
  const wrong = {
    ...{ severity: "critical", metadata: [], run_id: {}, title: "x".repeat(201) },
    ...{ idempotency_key: "a b", colour: 1, error_id: eventId },
  };
  assert.deepEqual(await paths(wrong), [
    ...["colour", "error_id", "idempotency_key", "metadata", "run_id", "severity", "title"],
  ]);
  assert.deepEqual(await paths({ title: " " }), ["title"]);
  assert.deepEqual(await paths({}), ["title"]);
  assert.deepEqual(await paths([]), [""]);
  assert.deepEqual(await paths({ title: "x" }, { "idempotency-key": "a b" }), ["idempotency_key"]);
  assert.deepEqual(db.calls, []);
});

Deno.test("what the database refuses is the caller's to mend", async () => {
  const failure = { status: 400, code: "TC035", message: "timestamp is not a time" };
  const { post } = api(new DataApiError("service", failure));
  const { status, body } = await post({ title: "x", timestamp: "soon" });
  assert.deepEqual([status, body.error.code], [400, "TC035"]);
});

Deno.test("decisions are read in the caller's own name; an id that is none has none", async () => {
  const { db, handle } = api();
  const read = async (id: string) =>
    await (await handle(ask(`/alerts/decisions/${id}`, { token: "a.b.c" }))).json();
  assert.deepEqual(await read(eventId), { event_id: eventId, decisions: [] });
  assert.deepEqual(await read("nonsense"), { event_id: "nonsense", decisions: [] });
  assert.deepEqual(
    db.calls.map(({ caller, args }) => [caller.kind, args]),
    [["user", { p_event_id: eventId }]],
  );
});
