import assert from "node:assert/strict";
import { DataApiError } from "../_shared/data_api.ts";
import { createHandler } from "./handler.ts";
import { ask, fakeDb, recordingLog, testDeps } from "./testing/fixtures.ts";

const ingestKey = `tocsin_ik_${"k".repeat(43)}`;
const secrets = { SUPABASE_SECRET_KEYS: '{"default": "sb_secret_a", "worker": "sb_secret_b"}' };

/** Takes what is an object, as the database does. */
function takeObjects({ p_events }: Record<string, unknown>) {
  const results = (p_events as unknown[]).map((event, index) =>
    event === null
      ? { index, error_id: null, status: "rejected", reason: "it is not an object" }
      : { index, error_id: crypto.randomUUID(), status: "accepted" },
  );
  const rejected = results.filter(({ status }) => status === "rejected").length;
  const accepted = results.length - rejected;
  return { status: 202, accepted, duplicates: 0, rejected, results };
}

function api(overrides: Record<string, unknown> = {}, values: Record<string, string> = {}) {
  const db = fakeDb({ report_errors: takeObjects, announce_environment: null, ...overrides });
  const log = recordingLog();
  const handle = createHandler({ ...testDeps(db, { ...secrets, ...values }), log });
  const post = async (body: unknown, token: string | undefined = ingestKey) => {
    const text = typeof body === "string" ? body : JSON.stringify(body);
    const init = { method: "POST", body: text, ...(token === "" ? {} : { token }) };
    const answer = await handle(ask("/error-events", init));
    return { status: answer.status, headers: answer.headers, body: await answer.json() };
  };
  return { db, log, handle, post };
}

Deno.test("who holds neither an ingest key nor a secret key is 401, and asks nothing", async () => {
  const { db, post } = api();
  for (const token of [
    "",
    "a.users.token",
    "sb_publishable_x",
    "sb_secret_other",
    "tocsin_ik_short",
    `${ingestKey}x`,
  ]) {
    const { status, body, headers } = await post([{ message: "x" }], token);
    assert.equal(status, 401, token);
    assert.equal(body.error.code, "unauthorized");
    assert.equal(headers.get("www-authenticate"), "Bearer");
  }
  assert.deepEqual(db.calls, []);
});

Deno.test(
  "an ingest key is handed on; any of the secret keys speaks for every project",
  async () => {
    const { db, post, handle } = api({}, { SUPABASE_SERVICE_ROLE_KEY: "legacy.service.role" });
    for (const token of [ingestKey, "sb_secret_a", "sb_secret_b", "legacy.service.role"]) {
      assert.equal((await post({ message: "x" }, token)).status, 202);
    }
    const headers = { apikey: "sb_secret_a" };
    const init = { method: "POST", body: '{"message": "x"}', headers };
    assert.equal((await handle(ask("/error-events", init))).status, 202);
    assert.deepEqual(
      db.calls.map(({ caller, args }) => [caller.kind, args["p_ingest_key"]]),
      [ingestKey, null, null, null, null].map((key) => ["service", key]),
    );
  },
);

Deno.test(
  "of a batch with a bad item the others are kept, and each bad field is named",
  async () => {
    const { db, post } = api();
    const batch: unknown[] = Array.from({ length: 100 }, (_, n) => ({ message: `boom ${n}` }));
    batch[7] = { message: "x", severity: "catastrophic", http_status: 42, error_id: 17 };
    const { status, body } = await post(batch);
    assert.equal(status, 202);
    assert.deepEqual([body.accepted, body.duplicates, body.rejected], [99, 0, 1]);
    assert.deepEqual(body.results[7], {
      index: 7,
      error_id: null,
      status: "rejected",
      issues: [
        { path: "error_id", message: "A uuid." },
        { path: "severity", message: "One of: low, medium, high." },
        { path: "http_status", message: "A whole number from 100 to 599." },
      ],
    });
    assert.equal((db.calls[0]?.args["p_events"] as unknown[])[7], null);
  },
);

Deno.test("where nothing can be taken, 400 names each item and its bad fields", async () => {
  const { post } = api();
  const { status, body } = await post([42, {}, { exception: "", metadata: [], source: "moon" }]);
  assert.equal(status, 400);
  assert.equal(body.error.code, "invalid_events");
  assert.deepEqual(
    body.error.issues.map(({ path }: { path: string }) => path),
    ["0", "1.message", "2.source", "2.metadata", "2.message"],
  );
});

Deno.test("what only the database can refuse is told in the same way", async () => {
  const refused = (reason: string) => ({
    status: 202,
    accepted: 1,
    duplicates: 0,
    rejected: 1,
    results: [
      { index: 0, error_id: null, status: "rejected", reason },
      { index: 1, error_id: null, status: "accepted" },
    ],
  });
  for (const [reason, path] of [
    ["project_id is not the one that the key is for", "project_id"],
    ["timestamp is not a time", "timestamp"],
    ["out of its mind", ""],
  ]) {
    const { post } = api({ report_errors: refused(reason ?? "") });
    const { body } = await post([{ message: "x" }, { message: "y" }]);
    assert.deepEqual(body.results[0].issues, [{ path, message: reason }]);
  }
});

Deno.test("numbers are messages too, and what is not known goes along", async () => {
  const { db, post } = api();
  const event = { message: 42, user_id: 7, exception: null, attempt: "3", color: "red" };
  assert.equal((await post(event)).status, 202);
  assert.deepEqual(db.calls[0]?.args["p_events"], [event]);
});

Deno.test("NUL, halves of characters and depths cost no other item anything", async () => {
  const { db, post } = api();
  const depth = 100_000;
  const deep = `{"message": "deep", "metadata": {"a": ${"[".repeat(depth)}${"]".repeat(depth)}}}`;
  const { status } = await post(`[${deep}, {"message": "a\\u0000b\\ud800"}, {"message": "fine"}]`);
  assert.equal(status, 202);
  const [first, ...others] = db.calls[0]?.args["p_events"] as unknown[];
  assert.match(JSON.stringify(first), /\[\["\[cut: too deep\]"\]\]/);
  assert.deepEqual(others, [{ message: "a\ufffdb\ufffd" }, { message: "fine" }]);
});

Deno.test("a body that is none is refused, each in its own words", async () => {
  const { db, post } = api();
  const told = async (body: unknown) => {
    const { status, body: answer } = await post(body);
    return [status, answer.error.code];
  };
  assert.deepEqual(await told("{nope"), [400, "body_is_not_json"]);
  assert.deepEqual(await told("42"), [400, "no_events"]);
  assert.deepEqual(await told("null"), [400, "no_events"]);
  assert.deepEqual(await told([]), [400, "no_events"]);
  assert.deepEqual(await told(Array(101).fill({ message: "x" })), [413, "TC038"]);
  assert.deepEqual(await told({ message: "x".repeat(1024 * 1024) }), [413, "body_too_long"]);
  assert.deepEqual(db.calls, []);
});

Deno.test(
  "the database's refusals are answered with their status, and when to come again",
  async () => {
    const error = { code: "TC037", message: "too many", hint: "later" };
    const late = api({
      report_errors: { status: 429, error, limit: 100, retry_after_seconds: 42 },
    });
    const limited = await late.post({ message: "x" });
    assert.deepEqual([limited.status, limited.headers.get("retry-after")], [429, "42"]);
    assert.deepEqual(limited.body, { error });

    const expired = { code: "TC036", message: "This ingest key has expired.", hint: "…" };
    const old = await api({ report_errors: { status: 401, error: expired } }).post({
      message: "x",
    });
    assert.deepEqual([old.status, old.body.error], [401, expired]);
    assert.equal(old.headers.get("www-authenticate"), "Bearer");

    const gone = new DataApiError("service", { status: 0, message: "refused" });
    const away = await api({ report_errors: gone }).post({ message: "x" });
    assert.deepEqual([away.status, away.headers.get("retry-after")], [503, "5"]);
  },
);

Deno.test("the environment is announced once, and again when that failed", async () => {
  const values = { TOCSIN_ENVIRONMENT: "staging", TOCSIN_RELEASE: "1.2.3" };
  const quiet = api();
  await quiet.post({ message: "x" });
  assert.equal(quiet.db.calls.length, 1, "nothing to tell");

  const { db, post } = api({}, values);
  await post({ message: "x" });
  await post({ message: "x" });
  const announced = db.calls.filter(({ name }) => name === "announce_environment");
  assert.deepEqual(
    announced.map(({ args }) => args),
    [{ p_environment: "staging", p_release: "1.2.3" }],
  );
  assert.equal(db.calls[0]?.args["p_environment"], "staging");

  const down = new DataApiError("service", { status: 500, message: "no" });
  const failing = api({ announce_environment: down }, values);
  assert.equal((await failing.post({ message: "x" })).status, 202);
  assert.equal((await failing.post({ message: "x" })).status, 202);
  assert.equal(failing.db.calls.length, 4);
  assert.match(failing.log.lines.join("\n"), /environment_not_announced/);
});

Deno.test("the path has POST and no other method", async () => {
  const { handle } = api();
  const answer = await handle(ask("/error-events"));
  assert.equal(answer.status, 405);
  assert.equal(answer.headers.get("allow"), "POST");
});
