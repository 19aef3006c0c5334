// The SQL in the docs runs: each statement of each page, in the page's order, on a database with
// the demo and with the tables that the pages speak of.

import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type pg from "pg";
import { seed } from "../dev/database.ts";
import { repository } from "../dev/paths.ts";
import { startTestDatabase } from "../dev/test/database.ts";

const server = await startTestDatabase();
after(() => server.stop());

// what readers have of their own
const host = `
  create table public.jobs (id bigint primary key, status text, finished_at timestamptz, error text);
  create table public.logs (id bigint primary key, level text, message text, context jsonb);
  create table public.runs (id int primary key, team text, flow text);
  create table public.step_log (id uuid primary key default gen_random_uuid(), kind text, run int,
    created_at timestamptz default now(), payload jsonb);
  select pgmq.create('orders'), pgmq.create('orders_dead');
  select tocsin.watch_queue('orders', p_options => '{"dead_letter_queue": "orders_dead"}');
  select pgmq.send('orders_dead', '{"message": {"id": 1}}') from generate_series(1, 20);
  insert into tocsin.alert_channels (channel_id, name, kind, url)
  values ('dddddddd-0000-4000-8000-000000000001', 'Ops', 'webhook', 'https://ops.example/hooks')`;

// what they put in
const placeholders: Record<string, string> = {
  "<project_id>": "7b6f0c1e-2f3a-4d55-9c1d-0a4b8f1c2d3e",
  "<user_id>": "aaaaaaaa-0000-4000-8000-000000000001",
  "<setting_id>": "bbbbbbbb-0000-4000-8000-000000000001",
  "<channel_id>": "dddddddd-0000-4000-8000-000000000001",
  "<delivery_id>": "dddddddd-0000-4000-8000-000000000002",
  "<what that returned>": "dddddddd-0000-4000-8000-000000000002",
  "T…/B…/…": "T00000000/B00000000/abcdefghijklmnopqrstuvwx",
};

/** Other tests run these on the real thing, or they cannot run in a transaction. */
const isRunElsewhere = (sql: string): boolean =>
  /pgboss\.|pgflow\.|concurrently|follow_changes/.test(sql);

let client: pg.Client;
before(async () => {
  const db = await server.clone();
  await seed(db.url(), { history: false });
  await db.sql(host);
  client = await db.connect();
});

const pages = ["README.md", ...globSync("docs/**/*.md", { cwd: repository }).sort()].filter(
  (page) => !page.startsWith("docs/reference/sql/"),
);
for (const page of pages) {
  const text = readFileSync(join(repository, page), "utf8");
  const statements = [...text.matchAll(/^ *```sql\n([\s\S]*?)^ *```/gm)].map(([, sql = ""]) => sql);
  if (statements.length === 0) continue;
  test(`the SQL of ${page} runs`, async () => {
    await client.query("begin");
    try {
      for (const written of statements) {
        if (isRunElsewhere(written)) continue;
        let sql = written;
        for (const [name, value] of Object.entries(placeholders)) sql = sql.replaceAll(name, value);
        await client.query("savepoint before_it");
        await client.query(sql).catch((error: unknown) => {
          assert.fail(`${String(error)}\n${written}`);
        });
      }
    } finally {
      await client.query("rollback");
    }
  });
}
