// POST /error-events on the whole stack: who may report, what is taken of hostile batches, and that
// it arrives in tocsin.error_metrics.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { request as httpRequest } from "node:http";
import { after, before, test } from "node:test";
import pg from "pg";
import { z } from "zod";
import { startStack, type Stack } from "../dev/stack.ts";
import { peopleOf } from "../dev/test/people.ts";

const taken = z.strictObject({
  accepted: z.number(),
  duplicates: z.number(),
  rejected: z.number(),
  results: z.array(
    z.strictObject({
      index: z.number(),
      error_id: z.string().nullable(),
      status: z.enum(["accepted", "duplicate", "rejected"]),
      issues: z.array(z.strictObject({ path: z.string(), message: z.string() })).optional(),
    }),
  ),
});
const refused = z.strictObject({
  error: z.strictObject({
    code: z.string(),
    message: z.string(),
    hint: z.string().optional(),
    issues: z.array(z.strictObject({ path: z.string(), message: z.string() })).optional(),
  }),
});

let stack: Stack;
let db: pg.Client;
let keys: Record<"a" | "b" | "expired" | "revoked" | "slow", string>;
/** Their tokens. */
let people: Record<"stranger" | "viewer" | "editor" | "admin" | "operator", string>;

before(async () => {
  stack = await startStack({ demo: false });
  db = new pg.Client({ connectionString: stack.databaseUrl });
  await db.connect();
  // nothing but this file moves what is reported
  await db.query("select cron.unschedule(jobid) from cron.job");
  keys = {
    a: await makeKey("a"),
    b: await makeKey("b"),
    expired: await makeKey("a", "p_expires_at => now() - interval '1 minute'"),
    revoked: await makeKey("a"),
    slow: await makeKey("a", "p_rate_limit => 100"),
  };
  await db.query(
    "select tocsin.revoke_ingest_key(key_id) from tocsin.ingest_keys where key_hint = right($1, 4)",
    [keys.revoked],
  );
  const { signUp, signIn } = peopleOf(stack, db);
  people = {
    stranger: await signUp(),
    viewer: await signUp("a", "viewer"),
    editor: await signUp("a", "editor"),
    admin: await signUp("a", "admin"),
    operator: await signIn(stack.operator.email, stack.operator.password),
  };
});

after(async () => {
  await db?.end();
  await stack?.stop();
});

async function makeKey(project: string, options = "p_rate_limit => 6000"): Promise<string> {
  const { rows } = await db.query<{ ingest_key: string }>(
    `select ingest_key from tocsin.create_ingest_key($1, 'test', ${options})`,
    [project],
  );
  return rows[0]?.ingest_key ?? "";
}

function send(
  body: string | Buffer<ArrayBuffer>,
  token?: string,
  headers: Record<string, string> = {},
) {
  return fetch(`${stack.functionsUrl}/tocsin-api/error-events`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      ...headers,
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    },
    body,
  });
}

async function report(events: unknown, token: string) {
  const answer = await send(JSON.stringify(events), token);
  const text = await answer.text();
  assert.equal(answer.status, 202, text);
  return taken.parse(JSON.parse(text));
}

async function refusal(answer: Response, status: number) {
  const text = await answer.text();
  assert.equal(answer.status, status, text);
  return refused.parse(JSON.parse(text)).error;
}

/** What is stored of these errors, in their order. */
async function stored(ids: (string | null | undefined)[]) {
  await db.query("select from tocsin_internal.tick()");
  const { rows } = await db.query<Record<string, unknown>>(
    `select e.* from unnest($1::uuid[]) with ordinality as wanted (error_id, place)
     join tocsin.error_metrics e using (error_id) order by place`,
    [ids],
  );
  return rows;
}

test("reporting is for ingest keys that are good and for the secret key, and nobody else", async () => {
  const nobody: Record<string, string | undefined> = {
    ...people,
    anonymous: undefined,
    anon: stack.keys.publishable,
    scraper: stack.keys.metricsToken,
    unknown: `tocsin_ik_${"x".repeat(43)}`,
    expired: keys.expired,
    revoked: keys.revoked,
  };
  const told: Record<string, string> = {};
  for (const [name, token] of Object.entries(nobody)) {
    const headers = { apikey: stack.keys.publishable };
    const answer = await send('[{"message": "x"}]', token, headers);
    assert.equal(answer.headers.get("www-authenticate"), "Bearer", name);
    told[name] = (await refusal(answer, 401)).message;
  }
  assert.equal(told["admin"], told["anonymous"], "a session is not what is asked for");
  assert.equal(told["expired"], "This ingest key has expired.");
  assert.equal(told["revoked"], "This ingest key was revoked.");
  assert.equal(told["unknown"], "This ingest key is not known.");
  const { rows } = await db.query("select from tocsin_internal.reported_errors");
  assert.equal(rows.length, 0, "and nothing of it was kept");

  for (const token of [keys.a, stack.keys.secret]) {
    assert.equal((await report([{ message: "x" }], token)).accepted, 1);
  }
});

test("nobody but the service may call what is behind it", async () => {
  const tokens = { ...people, anon: stack.keys.publishable };
  for (const [name, token] of Object.entries(tokens)) {
    const answer = await fetch(`${stack.apiUrl}/rest/v1/rpc/report_errors`, {
      method: "POST",
      headers: {
        apikey: stack.keys.publishable,
        authorization: `Bearer ${token}`,
        "content-type": "application/json",
        "content-profile": "tocsin",
      },
      body: JSON.stringify({ p_events: [{ message: "x" }] }),
    });
    assert.equal(answer.status, name === "anon" ? 401 : 403, name);
  }
});

test("what is reported arrives with all that was said, in the key's project", async () => {
  const said = {
    timestamp: new Date(Date.now() - 60_000).toISOString(),
    source: "worker",
    severity: "high",
    workflow_id: "order-import",
    workflow_name: "Order import",
    run_id: "run-17",
    node: "fetch_orders",
    attempt: 2,
    user_id: "user-4",
    component: "http-executor",
    environment: "staging",
    release: "1.4.2",
    exception: "HttpError",
    http_status: 502,
    message: "HTTP 502 Bad Gateway",
    stack: "HttpError: HTTP 502 Bad Gateway\n    at fetchOrders (/app/src/orders.ts:14:9)",
    metadata: { queue: "imports", authorization: "Bearer abc.def.ghi" },
  };
  const { results } = await report([said, { message: "boom" }], keys.a);
  const [first, second] = await stored(results.map(({ error_id }) => error_id));
  const { timestamp, metadata, ...texts } = said;
  assert.ok(first && second);
  for (const [name, value] of Object.entries(texts)) assert.equal(first[name], value, name);
  assert.equal((first["timestamp"] as Date).toISOString(), timestamp);
  assert.deepEqual(first["metadata"], {
    queue: metadata.queue,
    authorization: "[redacted:secret]",
  });
  assert.deepEqual([first["project_id"], first["error_type"]], ["a", "dependency"]);
  assert.deepEqual(
    [second["project_id"], second["source"], second["environment"]],
    ["a", "system", "local"],
    "what it did not say is the key's, the usual, and the installation's",
  );
  const { rows } = await db.query("select environment from tocsin_internal.installation");
  assert.deepEqual(rows, [{ environment: "local" }], "which the function announced");
});

test("a key reports for its own project, whatever an item claims", async () => {
  const { rejected, results } = await report(
    [
      { message: "mine" },
      { message: "mine", project_id: "a" },
      { message: "b's", project_id: "b" },
    ],
    keys.a,
  );
  assert.equal(rejected, 1);
  assert.deepEqual(results[2]?.issues, [
    { path: "project_id", message: "project_id is not the one that the key is for" },
  ]);
  const all = await report([{ message: "b's", project_id: "b" }], stack.keys.secret);
  const [row] = await stored([all.results[0]?.error_id]);
  assert.equal(row?.["project_id"], "b", "the secret key speaks for any");
});

test("the same batch twice counts once, and the second answer says so", async () => {
  const batch = Array.from({ length: 100 }, (_, n) => ({
    error_id: randomUUID(),
    message: `twice ${n}`,
  }));
  assert.equal((await report(batch, keys.a)).accepted, 100);
  assert.equal((await report(batch, keys.a)).duplicates, 100);
  await stored([]);
  const again = await report(batch, keys.a);
  assert.deepEqual([again.accepted, again.duplicates], [0, 100]);
  assert.deepEqual(
    again.results.map(({ error_id }) => error_id),
    batch.map(({ error_id }) => error_id),
  );
  assert.equal((await stored(batch.map(({ error_id }) => error_id))).length, 100);

  // another project's error of the same id is another one
  const foreign = await report([{ ...batch[0], message: "of b" }], keys.b);
  assert.equal(foreign.accepted, 1);
  assert.notEqual(foreign.results[0]?.error_id, batch[0]?.error_id);
});

test("two batches with the same errors at once are both answered, and each error counts once", async () => {
  const batch = Array.from({ length: 50 }, () => ({ error_id: randomUUID(), message: "race" }));
  const answers = await Promise.all(
    [batch, [...batch].reverse(), batch, [...batch].reverse()].map((one) => report(one, keys.a)),
  );
  assert.equal(
    answers.reduce((sum, { accepted }) => sum + accepted, 0),
    50,
  );
  assert.equal((await stored(batch.map(({ error_id }) => error_id))).length, 50);
});

test("of a batch with one bad item the other 99 are kept, and the answer says which and why", async () => {
  const batch: unknown[] = Array.from({ length: 100 }, (_, n) => ({ message: `one bad ${n}` }));
  batch[41] = { message: "x", severity: "catastrophic", source: "moon", metadata: "none" };
  const { accepted, rejected, results } = await report(batch, keys.a);
  assert.deepEqual([accepted, rejected], [99, 1]);
  assert.deepEqual(
    results[41]?.issues?.map(({ path }) => path),
    ["source", "severity", "metadata"],
  );
  const ids = results.flatMap(({ error_id }) => error_id ?? []);
  assert.equal((await stored(ids)).length, 99);

  const none = await refusal(await send(JSON.stringify([batch[41], 42]), keys.a), 400);
  assert.equal(none.code, "invalid_events");
  assert.deepEqual(
    none.issues?.map(({ path }) => path),
    ["0.source", "0.severity", "0.metadata", "1"],
  );
});

test("hostile content takes only itself down, or nothing", async () => {
  const deep = (depth: number) => "[".repeat(depth) + "]".repeat(depth);
  const hostile = `'; drop table tocsin.error_metrics; -- <script>alert(1)</script> {{7*7}} %s $1`;
  const everywhere = Object.fromEntries(
    ["workflow_id", "workflow_name", "run_id", "node", "user_id", "component", "environment"]
      .concat(["release", "exception", "sqlstate", "message", "stack", "error_type"])
      .map((name) => [name, hostile]),
  );
  const texts = [
    JSON.stringify({ message: "NUL \0 inside", metadata: { "k\0": "v\0" }, run_id: "r\0" }),
    '{"message": "half \\ud800 a pair", "metadata": {"\\udfff": "\\ud800"}}',
    '{"message": 42}',
    `{"message": "deep", "metadata": {"a": ${deep(1_000)}}}`,
    `{"message": "deeper", "extra": ${deep(200_000)}}`,
    JSON.stringify({ ...everywhere, metadata: { [hostile]: hostile } }),
    '{"message": "ahead", "timestamp": "2099-01-01T00:00:00Z"}',
    '{"message": "long ago", "timestamp": "1970-01-01T00:00:00Z"}',
    '{"message": "when", "timestamp": "yesterday-ish"}',
    `{"message": ${JSON.stringify("x".repeat(300_000))}, "error_id": "${randomUUID()}"}`,
    '{"message": "own", "__proto__": {"polluted": true}, "constructor": 1, "metadata": {}}',
    '{"message": "big", "http_status": 1e400}',
  ];
  const bytes = Buffer.concat([
    Buffer.from(`[${texts.join(",")},{"message":"not UTF-8: `),
    Buffer.from([0xff, 0xfe, 0xc0, 0x80]),
    Buffer.from('"}]'),
  ]);
  const answer = await send(bytes, keys.a);
  const { results } = taken.parse(await answer.json());
  assert.deepEqual(
    results.flatMap(({ index, issues = [] }) => issues.map(({ path }) => [index, path])),
    [
      [8, "timestamp"],
      [11, "http_status"],
    ],
  );
  const rows = await stored(results.flatMap(({ error_id }) => error_id ?? []));
  assert.equal(rows.length, 11);
  const messages = rows.map(({ message }) => String(message));
  assert.deepEqual(messages.slice(0, 3), ["NUL \ufffd inside", "half \ufffd a pair", "42"]);
  assert.match(JSON.stringify(rows[3]?.["metadata"]), /\[cut: too deep\]/);
  assert.match(JSON.stringify(rows[4]?.["metadata"]), /\[cut: too deep\]/);
  assert.equal(messages[5], hostile, "SQL and HTML are text");
  for (const row of rows.slice(6, 8)) {
    const age = Date.now() - (row["timestamp"] as Date).getTime();
    assert.ok(Math.abs(age) < 600_000, "a clock that is off is not believed");
    assert.ok("reported_timestamp" in (row["metadata"] as object));
  }
  assert.ok(Buffer.byteLength(messages[8] ?? "") <= 8_192 + 40);
  assert.match(messages.at(-1) ?? "", /^not UTF-8: \ufffd+$/);
  const { rows: tables } = await db.query("select to_regclass('tocsin.error_metrics') as there");
  assert.equal(tables.length, 1);
});

test("10 MB are refused with a body that says so, whatever the header claims", async () => {
  const metadata = JSON.stringify([{ message: "x", metadata: { blob: "x".repeat(10_000_000) } }]);
  assert.equal((await refusal(await send(metadata, keys.a), 413)).code, "body_too_long");

  const chunked = await new Promise<{ status: number; body: string }>((done, fail) => {
    const url = new URL(`${stack.functionsUrl}/tocsin-api/error-events`);
    const call = httpRequest(
      url,
      { method: "POST", headers: { authorization: `Bearer ${keys.a}` } },
      (answer) => {
        let body = "";
        answer.on("data", (chunk: Buffer) => (body += chunk.toString()));
        answer.on("end", () => done({ status: answer.statusCode ?? 0, body }));
      },
    );
    call.on("error", fail);
    for (let sent = 0; sent < 10_000_000; sent += 100_000) call.write("x".repeat(100_000));
    call.end();
  });
  assert.equal(chunked.status, 413, chunked.body);
  assert.match(chunked.body, /"body_too_long"/);

  const many = JSON.stringify(Array(101).fill({ message: "x" }));
  assert.equal((await refusal(await send(many, keys.a), 413)).code, "TC038");
  const health = await fetch(`${stack.functionsUrl}/tocsin-api/health`);
  assert.equal(health.status, 200, "and the function lives");
  await health.text();
});

test("too many for a key in a minute are 429, with when to come again", async () => {
  const batch = JSON.stringify(Array(60).fill({ message: "too fast" }));
  const answers = [await send(batch, keys.slow), await send(batch, keys.slow)];
  // at a minute's turn the second may still be let through; then the third is not
  if (answers[1]?.status === 202) answers.push(await send(batch, keys.slow));
  const last = answers.at(-1);
  assert.ok(last);
  const seconds = Number(last.headers.get("retry-after"));
  assert.ok(seconds >= 1 && seconds <= 60, String(seconds));
  const error = await refusal(last, 429);
  assert.equal(error.code, "TC037");
  assert.match(error.message, /may report 100 errors a minute/);
  assert.match(error.hint ?? "", /Nothing of the batch was taken/);
});

test("a body that is no list of errors is 400, each in its own words", async () => {
  const code = async (body: string | Buffer<ArrayBuffer>) =>
    (await refusal(await send(body, keys.a), 400)).code;
  assert.equal(await code("{nope"), "body_is_not_json");
  assert.equal(await code(""), "body_is_empty");
  assert.equal(await code("[]"), "no_events");
  assert.equal(await code('"text"'), "no_events");
  const single = await send('{"message": "alone"}', keys.a);
  assert.equal(taken.parse(await single.json()).accepted, 1, "one object is a list of one");
});
