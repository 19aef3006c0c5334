// Cron jobs and database webhooks, from nothing to an alert: what the how-to pages say, statement by
// statement, on the whole stack, and a database webhook whose receiver answers 500.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import pg from "pg";
import { serveFetch } from "../dev/http.ts";
import { repository } from "../dev/paths.ts";
import { startStack, type Stack } from "../dev/stack.ts";

let stack: Stack;
let db: pg.Client;
let receiver: Awaited<ReturnType<typeof serveFetch>>;
const received: string[] = [];

before(async () => {
  stack = await startStack({ demo: false });
  db = new pg.Client({ connectionString: stack.databaseUrl });
  await db.connect();
  receiver = await serveFetch(0, async (request) => {
    received.push(await request.text());
    return new Response("no such customer: token=sk_live_51H8xyzABCDEFGHIJKLMN", { status: 500 });
  });
});

after(async () => {
  await db?.end();
  await receiver?.stop();
  await stack?.stop();
});

/** The statements that a page shows, in order. */
function statementsOf(page: string): string[] {
  const text = readFileSync(join(repository, "docs/how-to", page), "utf8");
  return [...text.matchAll(/^```sql\n([\s\S]*?)^```$/gm)].map(([, code = ""]) => code);
}

async function run(statements: string[], pattern: RegExp): Promise<void> {
  const found = statements.filter((statement) => pattern.test(statement));
  assert.ok(found.length > 0, String(pattern));
  for (const statement of found) await db.query(statement);
}

const subject = (text: string) => (mail: { subject: string }) => mail.subject.includes(text);
const rows = async (text: string): Promise<Record<string, unknown>[]> =>
  (await db.query<Record<string, unknown>>(text)).rows;

test(
  "the statements of the how-to pages lead to an alert each",
  { timeout: 400_000 },
  async (t) => {
    const cron = statementsOf("watch-cron-jobs.md");
    const webhooks = statementsOf("watch-database-webhooks.md");
    await run(cron, /alert_channels \(name/);
    await run(cron, /'cron_failed'/);
    await run(cron, /cron\.schedule/);
    await run(webhooks, /'webhook_failed'/);
    await run(webhooks, /does-not-exist/);
    // a database webhook as Studio makes it
    await db.query(`create table public.orders (id int primary key)`);
    await db.query(`create trigger notify_shipping after insert on public.orders for each row
    execute function supabase_functions.http_request('${receiver.url}/hooks?key=s3cret', 'POST',
      '{"Content-Type": "application/json", "Authorization": "Bearer s3cret"}', '{}', '2000')`);
    await db.query("insert into public.orders values (1)");

    const began = Date.now();
    const failed = await stack.inbox.waitFor(subject("tocsin-try failed"), 180_000);
    t.diagnostic(`${failed.subject} (${Math.round((Date.now() - began) / 1000)} s)`);
    assert.match(failed.text, /division by zero/);
    const tried = await stack.inbox.waitFor(subject("Webhook a try: 1 failed"), 180_000);
    t.diagnostic(tried.subject);
    const hook = await stack.inbox.waitFor(
      subject("Webhook notify_shipping on public.orders: 1 failed within 5 minutes"),
      180_000,
    );
    t.diagnostic(`${hook.subject} (${Math.round((Date.now() - began) / 1000)} s)`);
    assert.match(hook.text, /answered 500: no such customer/);
    assert.match(hook.text, /POST http:\/\/127\.0\.0\.1:\d+\/hooks/);
    assert.doesNotMatch(hook.text, /s3cret|sk_live/);
    assert.equal(received.length, 1);

    // every other statement of the pages works as it stands there
    for (const statement of [...cron, ...webhooks]) {
      if (/^select [^;]* from |^select \*/.test(statement)) {
        for (const one of statement.split(";\n")) await db.query(one);
      }
    }
    await run(cron, /cron\.unschedule/);
    const over = await stack.inbox.waitFor(subject("tocsin-try no longer fails"), 180_000);
    t.diagnostic(over.subject);
    const told = stack.inbox.messages().map((mail) => mail.subject);
    assert.equal(told.filter((text) => /tocsin-try/.test(text)).length, 2, told.join("\n"));
    assert.equal(told.filter((text) => /notify_shipping/.test(text)).length, 1, told.join("\n"));
  },
);

test("each failure is one event, and Tocsin's own requests are none", async () => {
  assert.deepEqual(
    await rows(`select source, component, workflow_id, http_status, count(*)::int
      from tocsin.error_metrics where component = 'pg_net' group by 1, 2, 3, 4 order by 3`),
    [
      {
        source: "webhook",
        component: "pg_net",
        workflow_id: "a try",
        http_status: null,
        count: 1,
      },
      {
        source: "webhook",
        component: "pg_net",
        workflow_id: "notify_shipping on public.orders",
        http_status: 500,
        count: 1,
      },
    ],
  );
  assert.deepEqual(
    await rows(`select name, status, kind, method, table_name, request_count_1h::int,
        failure_count_1h::int
      from tocsin.webhook_health where name ~ '^notify'`),
    [
      {
        name: "notify_shipping on public.orders",
        status: "failing",
        kind: "database_webhook",
        method: "POST",
        table_name: "public.orders",
        request_count_1h: 1,
        failure_count_1h: 1,
      },
    ],
  );
  const [own] = await rows(
    "select count(*)::int as requests from tocsin_internal.request_labels where name is null",
  );
  assert.ok(Number(own?.["requests"]) > 0, "The doorbell rang.");
  assert.deepEqual(await rows("select part, status from tocsin.platform_health order by 1"), [
    { part: "pg_cron", status: "ok" },
    { part: "pg_net", status: "ok" },
  ]);
  assert.deepEqual(await rows("select stage, message from tocsin_internal.stage_faults"), []);
});
