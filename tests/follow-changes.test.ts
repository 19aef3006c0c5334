// The optional event trigger: a watched table is watched again in the transaction that changes it.
// Only a superuser may make one here, as `postgres` may on Supabase.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { repository } from "../dev/paths.ts";
import { startTestDatabase, type TestDatabase } from "../dev/test/database.ts";

const server = await startTestDatabase();
after(() => server.stop());

async function prepared(): Promise<TestDatabase> {
  const db = await server.clone();
  await db.sql(`
    create table public.runs (id int primary key, flow_id text, status text, finished_at timestamptz);
    select tocsin.watch_runs('public.runs')`);
  await db.superuser("select tocsin.follow_changes()");
  return db;
}

async function failing(db: TestDatabase): Promise<unknown[]> {
  return db.sql(`select check_name, detail from tocsin.doctor()
    where check_name like 'watching%' and status <> 'ok'`);
}

test("a migration of several changes is followed before it commits", async () => {
  const db = await prepared();
  await db.sql(`
    alter table public.runs rename column flow_id to pipeline;
    alter table public.runs alter column finished_at type timestamp using finished_at;
    alter table public.runs rename to jobs;
    alter table public.jobs add column note text`);
  assert.deepEqual(await failing(db), []);
  await db.sql("insert into public.jobs values (1, 'nightly', 'failed', now(), null)");
  const rows = await db.sql(
    "select workflow_id, failure_count::int from tocsin.workflow_run_metrics",
  );
  assert.deepEqual(rows, [{ workflow_id: "nightly", failure_count: 1 }]);
  await db.drop();
});

test("a partitioned table that takes the place of the watched one is watched at once", async () => {
  const db = await prepared();
  await db.sql(`
    create table public.runs_new (like public.runs including defaults, primary key (id))
      partition by range (id);
    create table public.runs_1 partition of public.runs_new default;
    alter table public.runs rename to runs_before;
    alter table public.runs_new rename to runs`);
  assert.deepEqual(await failing(db), []);
  await db.sql("insert into public.runs values (1, 'nightly', 'failed', now())");
  const rows = await db.sql("select failure_count::int from tocsin.workflow_run_metrics");
  assert.deepEqual(rows, [{ failure_count: 1 }]);
  await db.drop();
});

test("what it cannot follow is a warning, and the host's statement stands", async () => {
  const db = await prepared();
  await db.sql("alter table public.runs drop column status");
  assert.equal((await failing(db)).length, 1);
  await db.superuser("drop schema tocsin_internal cascade");
  await db.sql("alter table public.runs add column note text");
  await db.drop();
});

test("whoever alters a table, the owner of the watch follows; turned off, nothing does", async () => {
  const db = await prepared();
  await db.superuser("alter table public.runs rename column flow_id to pipeline");
  assert.deepEqual(await failing(db), []);
  await db.superuser("select tocsin.follow_changes(false)");
  await db.sql("alter table public.runs rename column pipeline to flow");
  assert.equal((await failing(db)).length, 1);
  await db.drop();
});

test("a statement about something else waits for no watched table", async () => {
  const db = await prepared();
  await db.superuser("select tocsin.follow_changes(false)");
  await db.sql("drop trigger tocsin_capture_runs on public.runs");
  await db.superuser("select tocsin.follow_changes()");
  assert.equal((await failing(db)).length, 1);
  const writer = await db.connect();
  await writer.query("begin; insert into public.runs values (1, 'nightly', 'running')");
  await db.sql("set statement_timeout = '1s'; create temp table mine (id int)");
  await db.sql("set statement_timeout = '1s'; create table public.notes (id int)");
  await writer.query("rollback");
  await db.drop();
});

test("taken out, it is gone as well, whoever made it", async () => {
  const db = await prepared();
  await db.sql(readFileSync(join(repository, "cli/sql/uninstall.sql"), "utf8"));
  const left = await db.superuser("select evtname from pg_event_trigger where evtname ~ 'tocsin'");
  assert.deepEqual(left, []);
  await db.sql("alter table public.runs add column note text");
  await db.drop();
});
