// A backfill beside life: runs are opened again, end, move and are written late while it is at work, it
// is killed now and then, and the counters equal the table all the while.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import pg from "pg";
import { startTestDatabase } from "../dev/test/database.ts";

const server = await startTestDatabase();
after(() => server.stop());

const oldRuns = 20_000;
const writers = 6;

/** Does something to some run, old or new, a hundred times. */
const writing = `do $$
  declare
    v_id int;
  begin
    for i in 1..100 loop
      v_id := 1 + floor(random() * ${oldRuns})::int;
      case floor(random() * 5)::int
        when 0 then update public.runs set status = 'running', finished_at = null where id = v_id;
        when 1 then update public.runs set status = 'failed', finished_at = clock_timestamp()
          where id = v_id;
        when 2 then update public.runs set flow = 'g' || i % 3 where id = v_id;
        when 3 then update public.runs set status = 'canceled',
          finished_at = now() - interval '10 days' where id = v_id;
        else insert into public.runs values (nextval('public.ids'), 'f', 'succeeded', now(),
          now() - random() * interval '30 days');
      end case;
      if random() < 0.1 then rollback; else commit; end if;
      perform pg_sleep(0.01); -- a pace that the counting can follow on a small machine
    end loop;
  end $$`;

test("a backfill counts each run once while runs go on and it is killed", async (t) => {
  const db = await server.clone();
  await db.sql(`create table public.runs (id int primary key, flow text,
    status text not null default 'running', started_at timestamptz, finished_at timestamptz)`);
  await db.sql(`insert into public.runs select n, 'f' || n % 7,
    (array['succeeded', 'failed', 'canceled', 'running'])[1 + n % 4], now() - interval '30 days',
    case when n % 4 <> 3 then now() - n * interval '2 minutes' end
    from generate_series(1, ${oldRuns}) as n`);
  await db.sql(`create sequence public.ids start ${oldRuns + 1}`);
  await db.sql(
    "select tocsin.watch_runs('public.runs', p_options => '{\"workflow_id\": \"flow\"}')",
  );
  await db.sql("select tocsin.backfill_runs('public.runs', now() - interval '20 days')");

  let isWriting = true;
  let batches = 0;
  let kills = 0;
  let comparisons = 0;

  // the stages, as the heart runs them: each in a transaction of its own
  const beating = (async () => {
    while (isWriting) {
      const client = new pg.Client({ connectionString: db.url() });
      client.on("error", () => undefined);
      await client.connect();
      try {
        while (isWriting) {
          await client.query("select tocsin_internal.run_stage('roll_up') as heart");
          await client.query(`begin;
            select pg_advisory_xact_lock(hashtext('tocsin'), hashtext('backfill')) as heart;
            select tocsin_internal.backfill_batch(b, 250, clock_timestamp()) from tocsin.backfills b
              where state = 'running';
            commit`);
          batches += 1;
        }
      } catch {
        kills += 1;
      } finally {
        await client.end().catch(() => undefined);
      }
    }
  })();
  const killing = (async () => {
    while (isWriting) {
      await new Promise((next) => setTimeout(next, 500 + Math.random() * 1000));
      await db.superuser(`select pg_terminate_backend(pid) from pg_stat_activity
        where datname = '${db.name}' and query like '%heart%' and pid <> pg_backend_pid()`);
    }
  })();
  const comparing = (async () => {
    const client = await db.connect();
    while (isWriting) {
      const { rows } = await client.query("select * from tocsin.reconcile('public.runs')");
      assert.deepEqual(rows, [], "counters and table, in one snapshot");
      comparisons += 1;
    }
  })();
  comparing.catch(() => (isWriting = false));

  await Promise.all(
    Array.from({ length: writers }, async () => {
      const client = await db.connect();
      while (isWriting && (batches < 40 || kills < 2 || comparisons < 5)) {
        await client.query(writing);
      }
    }),
  );
  isWriting = false;
  await Promise.all([beating, killing, comparing]);

  await db.sql("select tocsin_internal.roll_up()");
  await db.sql("select tocsin_internal.backfill()");
  const [backfill] = await db.sql("select state, error from tocsin.backfills");
  assert.deepEqual(backfill, { state: "done", error: null });
  assert.deepEqual(await db.sql("select * from tocsin.reconcile('public.runs')"), []);
  t.diagnostic(`${batches} batches, ${kills} kills, ${comparisons} comparisons`);
  await db.drop();
});

test("a backfill and a roll-up wait for each other, and for the host's own changes", async () => {
  const db = await server.clone();
  await db.sql(
    "create table public.runs (id int primary key, status text, finished_at timestamptz)",
  );
  await db.sql("insert into public.runs values (1, 'failed', now() - interval '1 day')");
  await db.sql("select tocsin.watch_runs('public.runs')");
  await db.sql("select tocsin.backfill_runs('public.runs', now() - interval '2 days')");
  const [one, other] = [await db.connect(), await db.connect()];
  const state = async () => (await db.sql("select state, error from tocsin.backfills"))[0];

  await one.query("begin");
  await one.query("select tocsin_internal.roll_up()");
  const { rows: nothing } = await other.query("select tocsin_internal.backfill()::int as n");
  assert.deepEqual(nothing, [{ n: 0 }], "while a roll-up is not over");
  await one.query("commit");

  await one.query("begin");
  await one.query("alter table public.runs add column note text");
  const { rows: still } = await other.query("select tocsin_internal.backfill()::int as n");
  assert.deepEqual(still, [{ n: 0 }], "while the host changes the table");
  assert.deepEqual(await state(), { state: "running", error: null }, "it has not failed");
  await one.query("rollback");

  await one.query("begin");
  const { rows: read } = await one.query("select tocsin_internal.backfill()::int as n");
  assert.deepEqual(read, [{ n: 1 }]);
  await other.query("set lock_timeout = '200ms'");
  await assert.rejects(other.query("select tocsin_internal.roll_up()"), { code: "55P03" });
  await one.query("commit");
  await other.query("select tocsin_internal.roll_up()");
  assert.deepEqual(await state(), { state: "done", error: null });
  await db.drop();
});
