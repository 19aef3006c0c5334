// Each failed run of pg_cron and each failed request of pg_net is one failure event, whatever dies
// meanwhile: the watcher in the middle of its work, or the server, whose crash empties pg_net's tables
// and begins its ids again.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { startTestDatabase, type TestDatabase } from "../dev/test/database.ts";

const server = await startTestDatabase();
after(() => server.stop());

/** Writes 40 runs of the jobs 3 to 5 as pg_cron does: begun, running, ended; every third fails. */
const runs = `do $$
  declare
    v_id bigint;
  begin
    for i in 1..40 loop
      insert into cron.job_run_details (runid, jobid, username, command, status)
      select coalesce(max(d.runid), 0) + 1, 3 + i % 3, 'postgres', 'select 1', 'starting'
      from cron.job_run_details d returning runid into v_id;
      commit;
      update cron.job_run_details set status = 'running', start_time = clock_timestamp()
      where runid = v_id;
      commit;
      perform pg_sleep(0.02);
      update cron.job_run_details set end_time = clock_timestamp(),
        status = case when i % 3 = 0 then 'failed' else 'succeeded' end,
        return_message = case when i % 3 = 0 then 'ERROR:  no ' || v_id else '1 row' end
      where runid = v_id;
      commit;
    end loop;
  end $$`;

/** Writes 20 batches of answers as pg_net's worker does: seen at once, with the batch's time. */
const answers = `do $$
  begin
    for i in 1..20 loop
      insert into net._http_response (id, status_code)
      select i * 10 + n, case when n = 1 then 500 else 200 end from generate_series(1, 10) as n;
      perform pg_sleep(0.03);
      commit;
    end loop;
  end $$`;

const count = async (db: TestDatabase, text: string): Promise<number> =>
  Number((await db.sql<{ count: string }>(text))[0]?.count);

test("what is read while the watcher is killed now and then is told once", async () => {
  const db = await server.clone();
  await db.sql(`
    select cron.schedule('job ' || n, '* * * * *', 'select 1') from generate_series(1, 3) as n;
    select tocsin_internal.watch_cron(), tocsin_internal.watch_webhooks()`);
  let done = false;
  let kills = 0;
  const watching = (async (): Promise<void> => {
    while (!done) {
      // pg_cron opens a session for each beat
      const client = new pg.Client({ connectionString: db.url() });
      client.on("error", () => undefined);
      await client.connect();
      await client
        .query(
          `select tocsin_internal.run_stage('watch_cron');
           select tocsin_internal.run_stage('watch_webhooks'); commit`,
        )
        .catch(() => (kills += 1));
      await client.end().catch(() => undefined);
    }
  })();
  const killing = (async (): Promise<void> => {
    while (!done) {
      await sleep(15 + Math.random() * 60);
      await db.superuser(
        "select pg_terminate_backend(pid) from pg_stat_activity where query ~ 'run_stage' and pid <> pg_backend_pid()",
      );
    }
  })();
  await Promise.all([db.sql(runs), db.sql(answers)]);
  // it is killed in the middle, not only between
  for (let waited = 0; kills < 5 && waited < 200; waited++) await sleep(50);
  done = true;
  await Promise.all([watching, killing]);
  assert.ok(kills >= 5, `killed ${kills} times`);
  await db.sql("select from tocsin_internal.tick()");

  const told = (component: string): Promise<Record<string, unknown>[]> =>
    db.sql(
      `select run_id::int as id, count(*)::int from tocsin.error_metrics
       where component = $1 group by 1 order by 1`,
      [component],
    );
  assert.deepEqual(
    await told("pg_cron"),
    await db.sql(`select runid::int as id, 1 as count from cron.job_run_details
      where status = 'failed' order by 1`),
  );
  assert.deepEqual(
    await told("pg_net"),
    await db.sql(`select id::int, 1 as count from net._http_response
      where status_code = 500 order by 1`),
  );
  // and counted once
  assert.deepEqual(
    await db.sql(`select sum(run_count)::int as runs, sum(failure_count)::int as failures
      from tocsin.cron_metrics`),
    [{ runs: 40, failures: 13 }],
  );
  assert.deepEqual(
    await db.sql(`select sum(request_count)::int as requests, sum(failure_count)::int as failures
      from tocsin.webhook_metrics`),
    [{ requests: 200, failures: 20 }],
  );
});

test("a crash empties pg_net's tables and begins its ids again: nothing is lost or told twice", async () => {
  const db = await server.clone();
  await db.sql("select tocsin_internal.watch_webhooks()");
  const fail = (): Promise<unknown> =>
    db.sql(`insert into net._http_response (id, status_code, content)
      select net.http_get('https://example.com/' || n), 500, 'sorry' from generate_series(1, 5) as n`);
  await fail();
  await db.sql("delete from net.http_request_queue");
  await db.sql("select net.http_get('https://example.com/waits')");
  await db.sql("select tocsin_internal.watch_webhooks()");
  assert.equal(await count(db, "select count(*) from tocsin_internal.waiting_requests"), 1);

  await db.superuser("checkpoint"); // the servers of tests do not wait for the disk
  // a backend that dies this way takes the server with it, which recovers by itself
  const client = new pg.Client({ connectionString: db.url() });
  client.on("error", () => undefined);
  await client.connect();
  const { rows } = await client.query<{ pid: number }>("select pg_backend_pid() as pid");
  process.kill(rows[0]?.pid ?? assert.fail(), "SIGKILL");
  for (let tries = 0; ; tries++) {
    await sleep(200);
    const isBack = await db.sql("select 1").then(
      () => true,
      () => false,
    );
    if (isBack) break;
    assert.ok(tries < 100, "the server comes back");
  }
  assert.equal(await count(db, "select count(*) from net._http_response"), 0, "it was a crash");

  await fail();
  await db.sql("delete from net.http_request_queue");
  const ids = await db.sql(
    "select min(id)::int as first, max(id)::int as last from net._http_response",
  );
  assert.deepEqual(ids, [{ first: 1, last: 5 }], "ids begin again");
  await db.sql("select net.http_get('https://example.com/new')");
  await db.sql("select tocsin_internal.watch_webhooks()");
  await db.sql("select from tocsin_internal.tick()");
  assert.equal(
    await count(db, "select count(*) from tocsin.error_metrics where component = 'pg_net'"),
    10,
  );
  assert.deepEqual(await db.sql("select url from tocsin_internal.waiting_requests"), [
    { url: "https://example.com/new" },
  ]);
});

test("whoever is signed in sees whether the scheduler and the worker run", async () => {
  const db = await server.clone();
  const parts = (): Promise<Record<string, unknown>[]> =>
    db.as("authenticated", { sub: "00000000-0000-4000-8000-00000000000a" }, (sql) =>
      sql("select part, status, is_running from tocsin.platform_health order by part"),
    );
  assert.deepEqual(await parts(), [
    { part: "pg_cron", status: "fail", is_running: false },
    { part: "pg_net", status: "fail", is_running: false },
  ]);
  await db.startWorkers();
  assert.deepEqual(await parts(), [
    { part: "pg_cron", status: "ok", is_running: true },
    { part: "pg_net", status: "ok", is_running: true },
  ]);
});
