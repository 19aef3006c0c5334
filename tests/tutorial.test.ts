// The tutorial, followed word for word: each of its statements, in its order, on the stack that
// `npm start` brings up, and at each step what it says one will see.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import pg from "pg";
import { repository } from "../dev/paths.ts";
import { startStack, type Stack } from "../dev/stack.ts";

const page = readFileSync(join(repository, "docs/tutorial/five-minutes.md"), "utf8");
const statements = [...page.matchAll(/^```sql\n([\s\S]*?)^```/gm)].map(([, sql = ""]) => sql);

let stack: Stack;
let client: pg.Client;
before(async () => {
  stack = await startStack({ history: true, workload: false });
  client = new pg.Client({ connectionString: stack.databaseUrl });
  await client.connect();
});
after(async () => {
  await client.end();
  await stack.stop();
});

/** Runs the next statement of the page, which begins like this; answers with its last rows. */
async function next(beginning: string): Promise<Record<string, unknown>[]> {
  const sql = statements.shift() ?? "";
  assert.ok(sql.startsWith(beginning), `the tutorial goes on with: ${sql.slice(0, 80)}`);
  const answer: pg.QueryResult | pg.QueryResult[] = await client.query(sql);
  return ([answer].flat().at(-1)?.rows ?? []) as Record<string, unknown>[];
}

test("who follows the tutorial sees what it says", async () => {
  await next("create table public.imports");
  const [watched] = await next("select source_id, mapping");
  assert.equal(watched?.["source_id"], "imports");

  await next("insert into public.imports (shop) values");
  const email = await stack.inbox.waitFor(
    ({ subject }) => subject.includes("north failed"),
    30_000,
  );
  assert.match(email.text, /502 Bad Gateway/);
  assert.doesNotMatch(email.text + email.html, /not-for-your-eyes/);
  assert.deepEqual(await next("select workflow_id, success_count"), [
    { workflow_id: "north", success_count: "1", failure_count: "1", success_rate: 0.5 },
    { workflow_id: "south", success_count: "1", failure_count: "0", success_rate: 1 },
  ]);

  await next("insert into public.imports (shop, status");
  const decided = (): Promise<pg.QueryResult<{ n: number }>> =>
    client.query(
      "select count(*)::int as n from tocsin.alert_logs where setting_name = 'Every failed run' and source_id = 'imports'",
    );
  for (const until = Date.now() + 30_000; Date.now() < until;) {
    if ((await decided()).rows[0]?.n === 501) break;
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
  const story = JSON.stringify(await next("select step, story"));
  assert.match(story, /captured/i);
  assert.match(story, /Held back: .* Told in a summary/);
  const decisions = await next("select setting_name, decision, count(*)");
  assert.deepEqual(
    decisions
      .filter(({ setting_name: name }) => name === "Every failed run")
      .map(({ decision, count }) => `${String(decision)} ${String(count)}`)
      .sort(),
    ["notified 1", "throttled 500"],
  );
  const mails = stack.inbox.messages().filter(({ subject }) => subject.includes("north"));
  assert.ok(mails.length < 5, "five hundred failures, and no five hundred mails");

  const [backtest] = await next("select tocsin.backtest(");
  const summary = backtest?.["?column?"] as { alerts: number; notifications: number };
  assert.ok(summary.alerts >= 1 && summary.alerts < 50, JSON.stringify(summary));
  await next("insert into tocsin.alert_settings");
  await next("insert into tocsin.alert_setting_channels");
  await next("select tocsin.unwatch_runs");
  assert.equal(statements.length, 0, "and that is all of it");
});
