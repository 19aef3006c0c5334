// tocsin-api on the whole stack: real tokens, real row-level security, real Deno. Who may see what,
// and that the function tells nobody more than the Data API would.

import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { after, before, test } from "node:test";
import { createClient } from "@supabase/supabase-js";
import pg from "pg";
import { z } from "zod";
import { startStack, type Stack } from "../dev/stack.ts";
import { peopleOf } from "../dev/test/people.ts";

const workflowDocument = z.object({
  workflow_id: z.string(),
  totals: z.array(
    z.object({ project_id: z.string(), success_count: z.number(), failure_count: z.number() }),
  ),
  history: z.array(
    z.object({ bucket_at: z.string(), failure_count: z.number(), resolution: z.string() }),
  ),
});
const summaryDocument = z.object({
  range: z.object({ from: z.string(), to: z.string() }),
  workflow_count: z.number(),
  workflows: z.array(z.object({ project_id: z.string(), workflow_id: z.string() })),
  next_cursor: z.string().nullable(),
});
const errorDocument = z.strictObject({
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
  await db.query(`create table public.jobs (id int generated always as identity primary key,
    status text, project_id text, workflow_id text, started_at timestamptz, finished_at timestamptz)`);
  await db.query("select tocsin.watch_runs('public.jobs')");
  // a workflow of the same name in both projects and in none, and one that only b has
  await db.query(`insert into public.jobs (status, project_id, workflow_id, started_at, finished_at)
    select s, p, w, now() - interval '2 s', now()
    from (values ('a', 'import'), ('b', 'import'), (null, 'import'), ('b', 'only b')) as t (p, w),
      unnest(array['succeeded', 'failed', 'failed']) as s`);
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
});

after(async () => {
  await db?.end();
  await stack?.stop();
});

function authClient() {
  return createClient(stack.apiUrl, stack.keys.publishable, {
    auth: { persistSession: false, autoRefreshToken: false },
  });
}

/** A session as Auth would have signed it. */
function sessionToken(claims: object, secret = stack.keys.jwtSecret): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  const signed = `${part({ alg: "HS256", typ: "JWT" })}.${part(claims)}`;
  return `${signed}.${createHmac("sha256", secret).update(signed).digest("base64url")}`;
}

function ask(path: string, token?: string, headers: Record<string, string> = {}) {
  return fetch(`${stack.functionsUrl}/tocsin-api${path}`, {
    headers: { ...headers, ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) },
  });
}

async function refusal(answer: Response, status: number) {
  const text = await answer.text();
  assert.equal(answer.status, status, text);
  return errorDocument.parse(JSON.parse(text)).error;
}

/** What the Data API itself shows in the view, as "project workflow". */
async function seenDirectly(token: string): Promise<string[]> {
  const apikey = token.startsWith("sb_") ? token : stack.keys.publishable;
  const answer = await fetch(`${stack.apiUrl}/rest/v1/workflow_run_metrics?select=*`, {
    headers: { apikey, authorization: `Bearer ${token}`, "accept-profile": "tocsin" },
  });
  const rows = z.array(z.object({ project_id: z.string(), workflow_id: z.string() }));
  return rows
    .parse(await answer.json())
    .map((row) => `${row.project_id} ${row.workflow_id}`)
    .sort();
}

// Who sees what -----------------------------------------------------------------------------------

test("each actor sees through the function what they may, as through the Data API", async () => {
  const everything = [" import", "a import", "b import", "b only b"];
  const expected: Record<keyof typeof people, string[]> = {
    stranger: [],
    viewer: ["a import"],
    editor: ["a import"],
    admin: ["a import"],
    otherAdmin: ["b import", "b only b"],
    operator: everything,
    service: everything,
  };
  for (const name of Object.keys(expected) as (keyof typeof people)[]) {
    const [token, seen] = [people[name], expected[name]];
    assert.deepEqual(await seenDirectly(token), seen, `${name}: the Data API`);

    const summary = await ask("/metrics/workflows/summary", token);
    const { workflows, workflow_count } = summaryDocument.parse(await summary.json());
    const listed = workflows.map((one) => `${one.project_id} ${one.workflow_id}`).sort();
    assert.deepEqual(listed, seen, `${name}: the summary`);
    assert.equal(workflow_count, seen.length, `${name}: nor how many there are`);

    for (const workflow of ["import", "only b"]) {
      const mine = seen.filter((one) => one.endsWith(` ${workflow}`));
      const answer = await ask(`/metrics/workflow/${encodeURIComponent(workflow)}`, token);
      if (mine.length === 0) {
        assert.equal((await refusal(answer, 404)).code, "workflow_not_found");
        continue;
      }
      const { totals, history } = workflowDocument.parse(await answer.json());
      assert.deepEqual(
        totals.map((one) => `${one.project_id} ${workflow}`),
        mine,
        `${name}: ${workflow}`,
      );
      const failures = history.reduce((sum, one) => sum + one.failure_count, 0);
      assert.equal(failures, 2 * mine.length, `${name}: the history is of the same projects`);
    }
  }
});

test("who is not signed in is told so, whatever they hold in a token's place", async () => {
  const now = Math.floor(Date.now() / 1000);
  const user = { role: "authenticated", sub: "00000000-0000-4000-8000-000000000001" };
  const tokens = [
    undefined,
    stack.keys.publishable,
    stack.keys.metricsToken,
    "nonsense",
    sessionToken({ role: "anon", exp: now + 600 }),
    sessionToken({ ...user, exp: now - 60 }),
    sessionToken({ ...user, exp: now + 600 }, "another project's secret"),
  ];
  const told = new Set<string>();
  for (const token of tokens) {
    for (const path of ["/metrics/workflow/import", "/metrics/workflows/summary"]) {
      const answer = await ask(path, token, { apikey: stack.keys.publishable });
      assert.equal(answer.headers.get("www-authenticate"), "Bearer");
      told.add(JSON.stringify(await refusal(answer, 401)));
    }
  }
  assert.equal(told.size, 1, "and all of them the same");
  const valid = sessionToken({ ...user, exp: now + 600 });
  await refusal(await ask("/metrics/workflow/import", valid), 404);
});

test("a workflow that is not there and one that is forbidden are answered alike, to the byte", async () => {
  const told = async (token: string, path: string) => {
    const answer = await ask(path, token);
    assert.equal(answer.status, 404);
    const headers = [...answer.headers].filter(([name]) => name !== "date");
    return JSON.stringify([headers, await answer.text()]);
  };
  for (const token of [people.stranger, people.viewer, people.editor, people.admin]) {
    const absent = await told(token, "/metrics/workflow/never%20was");
    assert.equal(await told(token, "/metrics/workflow/only%20b"), absent);
    assert.equal(await told(token, "/metrics/workflow/import?project_id=b"), absent);
    assert.equal(await told(token, "/metrics/workflow/import?project_id="), absent);
    assert.equal(await told(token, "/metrics/workflow/only%20b%00"), absent);
  }
});

test("what only the service may ask is refused to everybody through the Data API", async () => {
  const scrape = (token: string, apikey: string) =>
    fetch(`${stack.apiUrl}/rest/v1/rpc/scrape_metrics`, {
      method: "POST",
      headers: {
        apikey,
        authorization: `Bearer ${token}`,
        "content-type": "application/json",
        "content-profile": "tocsin",
      },
      body: "{}",
    });
  const { publishable, secret } = stack.keys;
  for (const person of ["stranger", "viewer", "admin", "operator"] as const) {
    assert.equal((await scrape(people[person], publishable)).status, 403, person);
  }
  assert.equal((await scrape(publishable, publishable)).status, 401);
  assert.equal((await scrape(secret, secret)).status, 200);
});

// What can be asked -------------------------------------------------------------------------------

test("a question that cannot be answered is 400, and says what can", async () => {
  const paths = async (path: string) =>
    (await refusal(await ask(path, people.viewer), 400)).issues?.map((issue) => issue.path);
  const one = "/metrics/workflow/import";
  const all = "/metrics/workflows/summary";
  assert.deepEqual(await paths(`${one}?from=monday&bucket=1y&sort=x`), ["sort", "from", "bucket"]);
  assert.deepEqual(await paths(`${one}?from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z`), [
    "from",
  ]);
  assert.deepEqual(await paths(`${all}?limit=201&min_runs=-1&order=up&sort=id;--&bucket=1h`), [
    ...["bucket", "min_runs", "sort", "order", "limit"],
  ]);
  assert.deepEqual(await paths(`${all}?cursor=bm9uc2Vuc2U`), ["cursor"]);
  assert.deepEqual(await paths(`${all}?project_id=%00`), ["project_id"]);

  // what only the database knows
  const zone = await refusal(await ask(`${one}?time_zone=Atlantis/Mu`, people.viewer), 400);
  assert.deepEqual([zone.code, zone.hint], ["TC018", "Use a name such as Europe/Berlin."]);
  const many = await refusal(await ask(`${one}?from=-30d&bucket=1m`, people.viewer), 400);
  assert.equal(many.code, "TC017");
  assert.match(many.hint ?? "", /longer buckets/);
});

test("more buckets than the Data API has rows for come whole", async () => {
  const answer = await ask("/metrics/workflow/import?from=-30h&bucket=1m", people.admin);
  const { history } = workflowDocument.parse(await answer.json());
  assert.equal(history.length, 1_800);
  assert.equal(new Set(history.map((one) => one.bucket_at)).size, 1_800);
  assert.equal(history.at(-1)?.resolution, "1m");
});

test("an answer that is known is not sent again, and a run that ends makes a new one", async () => {
  const path =
    "/metrics/workflow/import?from=2026-01-01T00:00:00Z&to=2150-01-01T00:00:00Z&bucket=1mo";
  const first = await ask(path, people.viewer);
  const etag = first.headers.get("etag") ?? "";
  assert.match(first.headers.get("cache-control") ?? "", /^private, max-age=\d, must-revalidate$/);
  const again = await ask(path, people.viewer, { "if-none-match": etag });
  assert.deepEqual([again.status, await again.text()], [304, ""]);
  const others = await ask(path, people.operator, { "if-none-match": etag });
  assert.equal(others.status, 200, "who sees more has another answer");

  await db.query(`insert into public.jobs (status, project_id, workflow_id, finished_at)
    values ('failed', 'a', 'import', now())`);
  const later = await ask(path, people.viewer, { "if-none-match": etag });
  assert.equal(later.status, 200);
  const { totals } = workflowDocument.parse(await later.json());
  assert.equal(totals[0]?.failure_count, 3);
});

test("pages cover every workflow exactly once, while runs go on", async () => {
  await db.query(`insert into public.jobs (status, project_id, workflow_id, finished_at)
    select 'failed', 'pages', 'w' || w, now()
    from generate_series(1, 130) as w, generate_series(1, 1 + w % 7)`);
  const seen: string[] = [];
  let cursor: string | null = null;
  let pages = 0;
  do {
    const next: string = cursor === null ? "" : `&cursor=${cursor}`;
    const question = "/metrics/workflows/summary?project_id=pages&sort=failure_count&limit=11";
    const page = summaryDocument.parse(await (await ask(question + next, people.operator)).json());
    assert.equal(page.workflow_count, 130);
    seen.push(...page.workflows.map((one) => one.workflow_id));
    cursor = page.next_cursor;
    pages += 1;
    // those of the first page take the lead again and again: that moves nobody else
    await db.query(
      `insert into public.jobs (status, project_id, workflow_id, finished_at)
       select 'failed', 'pages', w, now() from unnest($1::text[]) as w`,
      [seen.slice(0, 11)],
    );
  } while (cursor !== null);
  assert.equal(pages, 12);
  assert.equal(seen.length, 130);
  assert.equal(new Set(seen).size, 130);

  const other = await ask("/metrics/workflows/summary?project_id=pages&limit=11", people.operator);
  const { next_cursor: cursorOfOperator } = summaryDocument.parse(await other.json());
  const stranger = await ask(
    `/metrics/workflows/summary?cursor=${cursorOfOperator}`,
    people.stranger,
  );
  assert.deepEqual(summaryDocument.parse(await stranger.json()).workflows, [], "it opens nothing");
});

test("a browser on another origin may ask", async () => {
  const preflight = await fetch(`${stack.functionsUrl}/tocsin-api/metrics/workflow/import`, {
    method: "OPTIONS",
    headers: {
      origin: "https://dashboard.example",
      "access-control-request-method": "GET",
      "access-control-request-headers": "apikey,authorization,content-type",
    },
  });
  assert.equal(preflight.status, 204);
  assert.equal(preflight.headers.get("access-control-allow-origin"), "*");
  assert.match(
    preflight.headers.get("access-control-allow-headers") ?? "",
    /authorization, apikey/,
  );
  const answer = await ask("/metrics/workflow/import", people.viewer, {
    origin: "https://dashboard.example",
  });
  assert.equal(answer.headers.get("access-control-allow-origin"), "*");
  assert.match(answer.headers.get("access-control-expose-headers") ?? "", /etag/);
});

test("supabase-js calls it by name, with the session of who is signed in", async () => {
  const client = authClient();
  await client.auth.signInWithPassword(stack.operator);
  const call = await client.functions.invoke("tocsin-api/metrics/workflows/summary?limit=1", {
    method: "GET",
  });
  assert.equal(call.error, null);
  assert.equal(summaryDocument.parse(call.data).workflows.length, 1);
});

test("health says that the database is reached, to anybody", async () => {
  const answer = await ask("/health");
  assert.equal(answer.status, 200);
  const { rows } = await db.query<{ version: string }>("select tocsin.version()");
  const version = rows[0]?.version;
  const database = { status: "ok", version };
  assert.deepEqual(await answer.json(), { status: "ok", version, database });
});
