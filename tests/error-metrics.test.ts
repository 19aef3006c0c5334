// GET /error-metrics on the whole stack: who sees which errors, what can be asked, pages and tags.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import pg from "pg";
import { z } from "zod";
import { startStack, type Stack } from "../dev/stack.ts";
import { peopleOf } from "../dev/test/people.ts";

const document = z.object({
  range: z.object({ from: z.string(), to: z.string(), bucket: z.string(), time_zone: z.string() }),
  counts: z
    .array(z.object({ bucket_at: z.string(), error_count: z.number(), high_count: z.number() }))
    .nullable(),
  errors: z.array(
    z.object({
      error_id: z.string(),
      timestamp: z.string(),
      project_id: z.string(),
      message: z.string().nullable(),
      group_id: z.string().nullable(),
    }),
  ),
  next_cursor: z.string().nullable(),
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
/** Their tokens. */
let people: Record<
  "stranger" | "viewer" | "editor" | "admin" | "otherAdmin" | "operator" | "service",
  string
>;

before(async () => {
  stack = await startStack({ demo: false });
  db = new pg.Client({ connectionString: stack.databaseUrl });
  await db.connect();
  // nothing but this file moves what is reported
  await db.query("select cron.unschedule(jobid) from cron.job");
  const { signUp, signIn } = peopleOf(stack, db);
  people = {
    stranger: await signUp(),
    viewer: await signUp("a", "viewer"),
    editor: await signUp("a", "editor"),
    admin: await signUp("a", "admin"),
    otherAdmin: await signUp("b", "admin"),
    operator: await signIn(stack.operator.email, stack.operator.password),
    service: stack.keys.secret,
  };
  await report([
    { project_id: "a", message: "HTTP 502 Bad Gateway", http_status: 502, workflow_id: "import" },
    { project_id: "a", message: "JWT expired", source: "webhook", run_id: "run-7" },
    { project_id: "b", message: "100% of b is broken", severity: "high" },
    { message: "of no project" },
  ]);
});

after(async () => {
  await db?.end();
  await stack?.stop();
});

async function report(events: unknown[]): Promise<void> {
  const answer = await fetch(`${stack.functionsUrl}/tocsin-api/error-events`, {
    method: "POST",
    headers: { authorization: `Bearer ${stack.keys.secret}` },
    body: JSON.stringify(events),
  });
  assert.equal(answer.status, 202, await answer.text());
  await db.query("select from tocsin_internal.tick()");
}

function ask(query: string, token?: string, headers: Record<string, string> = {}) {
  return fetch(`${stack.functionsUrl}/tocsin-api/error-metrics${query}`, {
    headers: { ...headers, ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) },
  });
}

async function read(query: string, token: string) {
  const answer = await ask(query, token);
  const text = await answer.text();
  assert.equal(answer.status, 200, text);
  return document.parse(JSON.parse(text));
}

test("each actor sees the errors of their projects, and counts of no others", async () => {
  const mine = ["HTTP 502 Bad Gateway", "JWT expired"];
  const all = ["100% of b is broken", ...mine, "of no project"];
  const expected: Record<keyof typeof people, string[]> = {
    stranger: [],
    viewer: mine,
    editor: mine,
    admin: mine,
    otherAdmin: ["100% of b is broken"],
    operator: all,
    service: all,
  };
  const { rows } = await db.query<{ group_id: string }>(
    "select group_id from tocsin.error_groups where project_id = 'b'",
  );
  for (const name of Object.keys(expected) as (keyof typeof people)[]) {
    const { errors, counts } = await read("", people[name]);
    assert.deepEqual(errors.map(({ message }) => message).sort(), expected[name], name);
    const sum = counts?.reduce((total, { error_count }) => total + error_count, 0);
    assert.equal(sum, expected[name].length, `${name}: nor how many there are`);

    const seesB = expected[name].includes("100% of b is broken") ? 1 : 0;
    for (const query of ["?project_id=b", "?text=broken", `?group_id=${rows[0]?.group_id}`]) {
      const found = await read(query, people[name]);
      const total = found.counts?.reduce((n, { error_count }) => n + error_count, 0);
      assert.deepEqual([found.errors.length, total], [seesB, seesB], `${name} ${query}`);
    }
  }
});

test("who is not signed in is 401, with an ingest key as well", async () => {
  const { rows } = await db.query<{ ingest_key: string }>(
    "select ingest_key from tocsin.create_ingest_key('a', 'test')",
  );
  const tokens = [undefined, stack.keys.publishable, "nonsense", rows[0]?.ingest_key];
  for (const token of tokens) {
    const answer = await ask("", token, { apikey: stack.keys.publishable });
    assert.equal(answer.status, 401);
    assert.equal(refused.parse(await answer.json()).error.code, "unauthorized");
  }
});

test("each parameter narrows both the list and the counts", async () => {
  const found = async (query: string) => {
    const { errors, counts } = await read(query, people.operator);
    const total = counts?.reduce((sum, { error_count }) => sum + error_count, 0);
    assert.equal(total, errors.length, query);
    return errors.map(({ message }) => message).sort();
  };
  assert.deepEqual(await found("?source=webhook"), ["JWT expired"]);
  assert.deepEqual(await found("?error_type=auth"), ["JWT expired"]);
  assert.deepEqual(await found("?severity=high"), ["100% of b is broken"]);
  assert.deepEqual(await found("?project_id="), ["of no project"]);
  assert.deepEqual(await found("?workflow_id=import"), ["HTTP 502 Bad Gateway"]);
  assert.deepEqual(await found("?run_id=run-7"), ["JWT expired"]);
  assert.deepEqual(await found("?text=100%25%20OF"), ["100% of b is broken"]);
  assert.deepEqual(await found("?text='%20or%20true--"), []);
  assert.deepEqual(await found("?from=-30d&to=-1d"), []);
  const { errors } = await read("?project_id=a&source=webhook", people.operator);
  assert.deepEqual(await found(`?group_id=${errors[0]?.group_id}`), ["JWT expired"]);
  const high = (await read("?bucket=1mo&from=-24h", people.operator)).counts ?? [];
  assert.equal(
    high.reduce((sum, { high_count }) => sum + high_count, 0),
    1,
  );
});

test("a question that cannot be answered is 400, and says what can", async () => {
  const issues = async (query: string) => {
    const answer = await ask(query, people.viewer);
    assert.equal(answer.status, 400);
    const { code, issues: found } = refused.parse(await answer.json()).error;
    return found?.map(({ path }) => path) ?? code;
  };
  assert.deepEqual(await issues("?severity=dire&group_id=17&limit=0&sort=x"), [
    ...["sort", "severity", "group_id", "limit"],
  ]);
  assert.deepEqual(await issues("?text=%00"), ["text"]);
  assert.deepEqual(await issues("?cursor=bm9uc2Vuc2U"), ["cursor"]);
  assert.deepEqual(await issues("?from=now&to=-1h"), ["from"]);
  assert.equal(await issues("?time_zone=Atlantis/Mu"), "TC018");
  assert.equal(await issues("?from=-30d&bucket=1m&text=x"), "TC017");
});

test("pages cover every error exactly once, while others arrive, and the first counts", async () => {
  const at = new Date(Date.now() - 600_000).toISOString();
  const batch = (count: number, timestamp?: string) =>
    Array.from({ length: count }, (_, n) => ({ project_id: "pages", message: `p${n}`, timestamp }));
  await report(batch(60, at));
  await report(batch(40));
  const seen: string[] = [];
  let cursor: string | null = null;
  let pages = 0;
  do {
    const query: string = cursor === null ? "?project_id=pages&to=now" : `?cursor=${cursor}`;
    const page = await read(`${query}&limit=30`, people.operator);
    assert.equal(page.counts === null, pages > 0);
    seen.push(...page.errors.map(({ error_id }) => error_id));
    cursor = page.next_cursor;
    pages += 1;
    await report(batch(5, at));
  } while (cursor !== null && pages < 10);
  assert.equal(new Set(seen).size, seen.length, "none comes twice");
  const { rows } = await db.query<{ error_id: string }>(
    "select error_id from tocsin.error_metrics where project_id = 'pages' order by ingested_at limit 100",
  );
  const missed = rows.filter(({ error_id }) => !seen.includes(error_id));
  assert.deepEqual(missed, [], "and none that was there is missed");

  const { next_cursor: operators } = await read("?project_id=pages&limit=5", people.operator);
  assert.deepEqual(
    (await read(`?cursor=${operators}`, people.stranger)).errors,
    [],
    "opens nothing",
  );
});

test("an answer that is known is not sent again, and another error makes a new one", async () => {
  const query = "?from=2026-01-01T00:00:00Z&to=2150-01-01T00:00:00Z&bucket=1mo";
  const first = await ask(query, people.viewer);
  const etag = first.headers.get("etag") ?? "";
  assert.match(first.headers.get("cache-control") ?? "", /^private, max-age=\d, must-revalidate$/);
  const again = await ask(query, people.viewer, { "if-none-match": etag });
  assert.deepEqual([again.status, await again.text()], [304, ""]);
  assert.equal((await ask(query, people.operator, { "if-none-match": etag })).status, 200);
  await report([{ project_id: "a", message: "one more" }]);
  assert.equal((await ask(query, people.viewer, { "if-none-match": etag })).status, 200);
});
