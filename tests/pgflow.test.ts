// The preset pgflow on pgflow's real schema, as its package creates it: one command, and a flow that
// fails is told with its step and its error. PGFLOW_MIGRATIONS can name a folder with other versions.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { repository } from "../dev/paths.ts";
import { startTestDatabase, type TestDatabase } from "../dev/test/database.ts";

const folder =
  process.env["PGFLOW_MIGRATIONS"] ??
  join(repository, "node_modules/@pgflow/core/dist/supabase/migrations");

const server = await startTestDatabase();
after(() => server.stop());
let db: TestDatabase;

before(async () => {
  db = await server.clone();
  // What pgflow expects of Supabase Realtime.
  await db.superuser(`
    create schema if not exists realtime authorization postgres;
    create function realtime.send(payload jsonb, event text, topic text, private boolean)
      returns void language sql as 'select'`);
  for (const file of readdirSync(folder).sort()) {
    if (file.endsWith(".sql")) await db.sql(readFileSync(join(folder, file), "utf8"));
  }
  // Since 0.13 pgflow gives up tasks whose workers died too often.
  await db.sql(`
    alter table pgflow.step_tasks
      add column if not exists requeued_count int not null default 0,
      add column if not exists last_requeued_at timestamptz,
      add column if not exists permanently_stalled_at timestamptz`);
  await db.sql(`
    select pgflow.create_flow('greet_user', max_attempts => 2, base_delay => 0);
    select pgflow.add_step('greet_user', 'fetch');
    select pgflow.add_step('greet_user', 'send', array['fetch']);
    insert into pgflow.workers (worker_id, queue_name, function_name)
    values ('00000000-0000-4000-8000-000000000001', 'greet_user', 'worker')`);
});

/** What a worker does: it takes the tasks that are ready. */
async function takeTasks(): Promise<{ run_id: string; step_slug: string }[]> {
  await db.sql("update pgmq.q_greet_user set vt = clock_timestamp()");
  return db.sql(`
    select t.run_id, t.step_slug from pgflow.start_tasks('greet_user',
      array(select msg_id from pgmq.read('greet_user', 30, 10)),
      '00000000-0000-4000-8000-000000000001') as t`);
}

async function startRun(): Promise<string> {
  const [run] = await db.sql<{ run_id: string }>(
    `select run_id from pgflow.start_flow('greet_user', '{"secret": "never copied"}')`,
  );
  return run?.run_id ?? "";
}

const beat = (): Promise<unknown> => db.sql("select from tocsin_internal.tick()");
const failures = (run: string): Promise<Record<string, unknown>[]> =>
  db.sql(`select workflow_id, node, message, attempt from tocsin.error_metrics where run_id = $1`, [
    run,
  ]);

test("one command watches pgflow's runs", async () => {
  const [source] = await db.sql<{ mapping: Record<string, unknown> }>(
    "select * from tocsin.watch_runs('pgflow.runs', 'pgflow')",
  );
  assert.deepEqual(source?.mapping["failed"], ["failed"]);
  assert.deepEqual(source?.mapping["succeeded"], ["completed"]);
});

test("a run that completes is counted, and nobody hears of it", async () => {
  const run = await startRun();
  for (const step of ["fetch", "send"]) {
    const [task] = await takeTasks();
    assert.equal(task?.step_slug, step);
    await db.sql(`select from pgflow.complete_task($1, $2, 0, '{"done": true}')`, [run, step]);
  }
  await beat();
  assert.deepEqual(
    await db.sql("select workflow_id, success_count::int from tocsin.workflow_run_metrics"),
    [{ workflow_id: "greet_user", success_count: 1 }],
  );
  assert.deepEqual(await failures(run), []);
});

test("an attempt that fails is silent; the last one is told with its step and its error", async () => {
  const run = await startRun();
  await takeTasks();
  await db.sql("select from pgflow.fail_task($1, 'fetch', 0, 'Error: upstream said no')", [run]);
  await beat();
  assert.deepEqual(await failures(run), []);
  await takeTasks();
  await db.sql(
    "select from pgflow.fail_task($1, 'fetch', 0, 'Error: key sk_live_51H8xyzABCDEFGHIJKLMN expired')",
    [run],
  );
  await beat();
  const [failure, ...more] = await failures(run);
  assert.deepEqual(more, []);
  assert.equal(failure?.["node"], "fetch");
  assert.equal(failure?.["attempt"], 2);
  assert.match(String(failure?.["message"]), /key .* expired/);
  assert.doesNotMatch(String(failure?.["message"]), /sk_live/);
  const stored = await db.sql("select e::text from tocsin.error_metrics e");
  assert.doesNotMatch(JSON.stringify(stored), /never copied/);
});

test("a task that is given up without a word fails its run, once", async () => {
  const run = await startRun();
  await takeTasks();
  // What requeue_stalled_tasks() does when a task was requeued too often: the run stays started.
  const stall = `update pgflow.step_tasks set permanently_stalled_at = now(), requeued_count = 3
    where run_id = $1`;
  await db.sql(stall, [run]);
  await beat();
  const [failure, ...more] = await failures(run);
  assert.deepEqual(more, []);
  assert.equal(failure?.["node"], "fetch");
  assert.match(String(failure?.["message"]), /stalled for good/);
  await db.sql("update pgflow.step_tasks set requeued_count = 4 where run_id = $1", [run]);
  await beat();
  assert.equal((await failures(run)).length, 1);
  const [metrics] = await db.sql(
    "select failure_count::int, success_count::int from tocsin.workflow_run_metrics",
  );
  assert.deepEqual(metrics, { failure_count: 2, success_count: 1 });
});

test("an older pgflow, which gives nothing up, is watched as well", async () => {
  await db.sql("select tocsin.unwatch_runs('pgflow.runs')");
  await db.sql("alter table pgflow.step_tasks drop column permanently_stalled_at");
  const [source] = await db.sql<{ mapping: Record<string, unknown> }>(
    "select * from tocsin.watch_runs('pgflow.runs', 'pgflow')",
  );
  assert.equal(source?.mapping["jobs"], undefined);
  const run = await startRun();
  for (let attempt = 1; attempt <= 2; attempt++) {
    await takeTasks();
    await db.sql("select from pgflow.fail_task($1, 'fetch', 0, 'boom')", [run]);
  }
  await beat();
  assert.deepEqual(await failures(run), [
    { workflow_id: "greet_user", node: "fetch", message: "boom", attempt: 2 },
  ]);
});
