// Promise 5, with several sessions at once: nothing that Tocsin does holds a lock that the host waits
// for, and nothing that goes wrong in Tocsin reaches the host. (What one session can show is pgTAP's.)

import assert from "node:assert/strict";
import { after, test } from "node:test";
import type pg from "pg";
import { startTestDatabase, type TestDatabase } from "../dev/test/database.ts";

const server = await startTestDatabase();
after(() => server.stop());

const hostTables = `
  create table public.runs (
    id int primary key, project text, flow text, state text not null default 'running'
      check (state in ('running', 'done', 'broken', 'canceled')),
    started_at timestamptz default now(), finished_at timestamptz, error text);
  insert into public.runs (id, project, flow) select i, 'p', 'f' from generate_series(1, 1000) as i`;

const watch = `select tocsin.watch_runs('public.runs', p_options =>
  '{"project_id": "project", "workflow_id": "flow", "succeeded": ["done"], "failed": ["broken"]}')`;

async function watchedDatabase(): Promise<TestDatabase> {
  const db = await server.clone();
  await db.sql(hostTables);
  await db.sql(watch);
  return db;
}

/** Every kind of write that a host makes, in a session that will not wait for anybody. */
async function hostWrites(host: pg.Client): Promise<void> {
  await host.query("set lock_timeout = '250ms'");
  await host.query("update public.runs set state = 'done', finished_at = now() where id = 1");
  await host.query("update public.runs set state = 'broken', finished_at = now() where id = 2");
  await host.query("update public.runs set state = 'running', finished_at = null where id = 2");
  await host.query("update public.runs set state = 'running' where id > 500");
  await host.query("update public.runs set state = 'broken', finished_at = now() where id > 500");
  await host.query("update public.runs set flow = null, state = 'canceled' where id = 3");
  await host.query("delete from public.runs where id = 4");
  await host.query("insert into public.runs (id, state) values (4, 'broken')");
  await host.query("update public.runs set state = 'running', finished_at = null where id <> 3");
  await host.query("update public.runs set flow = 'f', state = 'running' where id = 3");
}

test("the host writes while every other table of Tocsin is locked by a migration", async () => {
  const db = await watchedDatabase();
  const migration = await db.connect();
  await migration.query("begin");
  const { rows } = await migration.query<{ name: string }>(`
    select c.oid::regclass::text as name from pg_class c
    where c.relnamespace in ('tocsin'::regnamespace, 'tocsin_internal'::regnamespace)
      and c.relkind in ('r', 'p') and c.relname <> 'run_outcomes'
    union all select format('pgmq.%I', tablename) from pg_tables
    where schemaname = 'pgmq' and tablename like '%tocsin%'`);
  assert.ok(rows.length > 15, "the tables of Tocsin and its queues");
  for (const { name } of rows) await migration.query(`lock table ${name} in access exclusive mode`);

  await hostWrites(await db.connect());
  await migration.query("rollback");
  await db.drop();
});

test("the host writes while the table of outcomes is vacuumed, indexed and rolled up", async () => {
  const db = await watchedDatabase();
  const tocsin = await db.connect();
  await tocsin.query("begin");
  // what VACUUM, ANALYZE and CREATE INDEX CONCURRENTLY take
  await tocsin.query("lock table tocsin_internal.run_outcomes in share update exclusive mode");
  await hostWrites(await db.connect());
  await tocsin.query("commit");

  await tocsin.query("begin");
  await tocsin.query("select * from tocsin_internal.tick()");
  await tocsin.query("select tocsin_internal.maintain()");
  await hostWrites(await db.connect());
  await tocsin.query("commit");
  await db.drop();
});

test("the host writes while its watch is generated anew and setup() has not committed", async () => {
  const db = await watchedDatabase();
  const tocsin = await db.connect();
  await tocsin.query("begin");
  await tocsin.query(watch);
  await tocsin.query("select * from tocsin.setup('http://127.0.0.1:1/functions/v1')");
  await hostWrites(await db.connect());
  await tocsin.query("commit");
  await hostWrites(await db.connect());
  await db.drop();
});

test("the host writes while Tocsin's migrations are being pushed", async () => {
  const db = await server.cloneEmpty();
  await db.sql(hostTables);
  const host = await db.connect();
  const { applyMigrations, migrationFiles } = await import("../dev/database.ts");
  let done = false;
  let writes = 0;
  const writing = (async () => {
    while (!done) {
      await hostWrites(host);
      writes += 1;
    }
  })();
  await applyMigrations(db.url(), migrationFiles());
  done = true;
  await writing;
  assert.ok(writes > 0, "the host wrote meanwhile");
  await db.drop();
});

test("the heart beats and the host writes at once, and every failure is told once", async () => {
  const db = await watchedDatabase();
  const writers = await Promise.all([1, 2, 3, 4].map(() => db.connect()));
  const heart = await db.connect();
  let done = false;
  const beating = (async () => {
    while (!done) {
      await heart.query("select * from tocsin_internal.tick()");
      await heart.query("select tocsin_internal.maintain()");
    }
  })();
  await Promise.all(
    writers.map(async (host, n) => {
      await host.query("set lock_timeout = '250ms'");
      for (let i = 1; i <= 100; i++) {
        await host.query("begin");
        await host.query(
          "update public.runs set state = 'broken', finished_at = now() where id = $1",
          [n * 250 + i],
        );
        await host.query(i % 4 === 0 ? "rollback" : "commit");
      }
    }),
  );
  done = true;
  await beating;
  await db.sql("select * from tocsin_internal.tick()");

  const [counts] = await db.sql(`select
    (select count(*)::int from public.runs where state = 'broken') as broken,
    (select count(*)::int from tocsin.error_metrics) as events,
    (select count(distinct run_id)::int from tocsin.error_metrics) as runs,
    (select count(*)::int from tocsin.alert_logs) as decisions,
    (select count(*)::int from tocsin_internal.stage_faults) as faults`);
  assert.deepEqual(counts, { broken: 300, events: 300, runs: 300, decisions: 300, faults: 0 });
  await db.drop();
});

test("watch_runs() gives up on a busy table instead of queueing writers behind it", async () => {
  const db = await server.clone();
  await db.sql(hostTables);
  const long = await db.connect();
  await long.query("begin");
  await long.query("update public.runs set error = 'still at it' where id = 1");

  await assert.rejects(db.sql(watch), (error: pg.DatabaseError) => {
    assert.equal(error.code, "TC008");
    assert.match(error.hint ?? "", /Run it again/);
    return true;
  });
  const [left] = await db.sql(`select count(*)::int as sources from tocsin.run_sources`);
  assert.deepEqual(left, { sources: 0 }, "nothing is half-written");
  await long.query("commit");
  await db.sql(watch);
  await db.drop();
});

test("the search for long runs waits for nobody, and goes on when it can", async () => {
  const db = await watchedDatabase();
  await db.sql(`
    update public.runs set state = 'done' where id > 1;
    update tocsin.run_sources set watched_at = now() - interval '1 day',
      mapping = mapping || '{"stuck_after": "1 hour"}';
    alter table public.runs disable trigger all;
    update public.runs set started_at = now() - interval '2 hours' where id = 1;
    alter table public.runs enable trigger all`);
  const host = await db.connect();
  await host.query("begin");
  await host.query("lock table public.runs in access exclusive mode");
  const beat = (minutes: number): Promise<unknown> =>
    db.sql(`select tocsin_internal.find_long_runs(now() + interval '${minutes} minutes')`);
  const found = "select run_id from tocsin_internal.long_runs";
  const began = performance.now();
  await beat(0);
  assert.ok(
    performance.now() - began < 1500,
    "a tenth of a second at most, and what else it takes",
  );
  assert.deepEqual(await db.sql(found), []);
  assert.deepEqual(await db.sql("select error_code from tocsin_internal.stage_faults"), [
    { error_code: "55P03" },
  ]);
  await host.query("rollback");
  await beat(6);
  assert.deepEqual(await db.sql(found), [{ run_id: "1" }]);
  await db.drop();
});

test("a session that was open before an ALTER TABLE goes on recording its runs", async () => {
  const db = await watchedDatabase();
  const host = await db.connect();
  await host.query("update public.runs set state = 'broken', finished_at = now() where id = 1");
  // in another session, so that this one finds out by itself
  await db.sql("alter table public.runs alter column id type text");
  await db.sql("alter table public.runs alter column finished_at type timestamp");
  await db.sql("alter table public.runs alter column state type varchar(20)");
  await host.query("update public.runs set state = 'broken', finished_at = now() where id = '2'");
  await db.sql("alter table public.runs drop column flow");
  await db.sql("alter table public.runs rename column error to trouble");
  await host.query("update public.runs set state = 'broken', finished_at = now() where id = '3'");

  const runs = await db.sql("select run_id from tocsin_internal.run_outcomes order by outcome_id");
  assert.deepEqual(
    runs.map((row) => row["run_id"]),
    ["1", "2", "3"],
  );
  const findings = await db.sql(
    "select detail from tocsin.doctor() where check_name = 'watching runs' and status = 'fail'",
  );
  assert.match(String(findings[0]?.["detail"]), /column flow \(workflow_id\) is gone/);
  await db.drop();
});

test("the notifier may be down for a day: nothing is lost, and nothing is told twice", async () => {
  const db = await watchedDatabase();
  await db.sql(`
    insert into tocsin.alert_channels (channel_id, name, kind, recipients)
    values ('aaaaaaaa-0000-4000-8000-000000000001', 'mail', 'email', '{a@example.com}');
    insert into tocsin.alert_settings (setting_id, name)
    values ('bbbbbbbb-0000-4000-8000-000000000001', 'all');
    insert into tocsin.alert_setting_channels
    values ('bbbbbbbb-0000-4000-8000-000000000001', 'aaaaaaaa-0000-4000-8000-000000000001')`);
  const host = await db.connect();
  for (let hour = 0; hour < 24; hour++) {
    await host.query(
      "update public.runs set state = 'broken', finished_at = now() where id between $1 and $1 + 9",
      [hour * 10 + 1],
    );
    await db.sql("select * from tocsin_internal.tick(now() + make_interval(hours => $1))", [hour]);
    await db.sql(
      "select * from tocsin_internal.tick(now() + make_interval(hours => $1, mins => 6))",
      [hour],
    );
  }
  const [counts] = await db.sql(`select
    (select count(*)::int from tocsin.alert_logs) as decisions,
    (select count(*)::int from tocsin.deliveries where state = 'pending') as pending,
    (select count(*)::int from pgmq.q_tocsin_deliveries) as messages`);
  // each hour: the first failure, and one summary of the other nine
  assert.deepEqual(counts, { decisions: 240, pending: 48, messages: 48 });
  await db.drop();
});
