// Promise 4 under fire: many writers, roll-ups that are killed, readers that compare the counters with
// the table in one snapshot all the while.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import pg from "pg";
import { startTestDatabase, type TestDatabase } from "../dev/test/database.ts";

const server = await startTestDatabase();
after(() => server.stop());

const writers = 32;
const runsEach = 625; // 20,000 in all

const comparison = `
  select coalesce(sum(abs(difference)), 0)::int as off from (
    select workflow_id, outcome, sum(n) as difference from (
      select flow as workflow_id, case when status in ('failed', 'timed_out') then 'failure'
        else status end as outcome, count(*) as n
      from public.runs where status not in ('running', 'paused') group by 1, 2
      union all
      select workflow_id, outcome, -n from tocsin.workflow_run_metrics,
        lateral (values ('succeeded', success_count), ('failure', failure_count),
          ('canceled', canceled_count)) as counted (outcome, n)
    ) as both_sides group by 1, 2
  ) as compared`;

/** One writer: inserts and ends runs, re-opens some, changes some, rolls some back. */
const writing = (writer: number): string => `do $$
  declare
    v_outcomes constant text[] := '{succeeded,succeeded,succeeded,failed,timed_out,canceled}';
  begin
    for i in 1..${runsEach} loop
      insert into public.runs (id, flow) values (${writer} * 100000 + i, 'f' || i % 7);
      commit;
      update public.runs set status = v_outcomes[1 + floor(random() * 6)::int],
        finished_at = clock_timestamp() where id = ${writer} * 100000 + i;
      if random() < 0.1 then rollback; else commit; end if;
      if random() < 0.1 then
        update public.runs set status = 'running', finished_at = null
          where id = ${writer} * 100000 + 1 + floor(random() * i)::int;
        if random() < 0.3 then rollback; else commit; end if;
      end if;
      if random() < 0.1 then
        update public.runs set flow = 'g' || i % 3
          where id = ${writer} * 100000 + 1 + floor(random() * i)::int;
        commit;
      end if;
      if random() < 0.05 then
        update public.runs set status = v_outcomes[1 + floor(random() * 6)::int],
          finished_at = clock_timestamp() where id = ${writer} * 100000 + 1 + floor(random() * i)::int;
        commit;
      end if;
    end loop;
  end $$`;

async function watched(options = "{}"): Promise<TestDatabase> {
  const db = await server.clone();
  await db.sql(`create table public.runs (id int primary key, flow text,
    status text not null default 'running', started_at timestamptz default now(),
    finished_at timestamptz)`);
  await db.sql(`select tocsin.watch_runs('public.runs', p_options => '${options}'::jsonb
    || '{"workflow_id": "flow"}')`);
  return db;
}

test("32 writers, 20,000 runs, roll-ups killed at random: no reader ever sees a difference", async (t) => {
  const db = await watched();
  let isWriting = true;
  let rollUps = 0;
  let kills = 0;
  let reads = 0;

  const rollingUp = (async () => {
    while (isWriting) {
      const client = new pg.Client({ connectionString: db.url() });
      client.on("error", () => undefined);
      await client.connect();
      try {
        while (isWriting) {
          await client.query("select tocsin_internal.roll_up()");
          rollUps += 1;
        }
      } catch {
        kills += 1; // terminated in the middle: the next session takes it up
      } finally {
        await client.end().catch(() => undefined);
      }
    }
  })();
  const killing = (async () => {
    while (isWriting) {
      await new Promise((next) => setTimeout(next, 100 + Math.random() * 300));
      await db.superuser(`select pg_terminate_backend(pid) from pg_stat_activity
        where datname = '${db.name}' and query like '%roll_up%' and pid <> pg_backend_pid()`);
    }
  })();
  const reading = (async () => {
    const client = await db.connect();
    while (isWriting) {
      const { rows } = await client.query<{ off: number }>(comparison);
      assert.equal(rows[0]?.off, 0, "counters and table, in one snapshot");
      reads += 1;
    }
  })();
  reading.catch(() => (isWriting = false));

  await Promise.all(
    Array.from({ length: writers }, async (_, writer) => {
      const client = await db.connect();
      await client.query("set statement_timeout = 0");
      if (writer % 4 === 0) {
        await client.query("set default_transaction_isolation = 'repeatable read'");
      }
      await client.query(writing(writer));
    }),
  );
  isWriting = false;
  await Promise.all([rollingUp, killing, reading]);
  await db.sql("select tocsin_internal.roll_up()");

  assert.deepEqual(await db.sql("select * from tocsin.reconcile('public.runs')"), []);
  const [left] = await db.sql(`select (select count(*)::int from public.runs) as runs,
    (select count(*)::int from tocsin_internal.run_outcomes) as pending,
    (select count(*)::int from tocsin_internal.run_buckets where success_count < 0) as negative`);
  assert.deepEqual(left, { runs: writers * runsEach, pending: 0, negative: 0 });
  assert.ok(kills > 0 && reads > 3, "it was killed and read meanwhile");
  t.diagnostic(`${rollUps} roll-ups, ${kills} of them killed, ${reads} comparisons`);
  await db.drop();
});

test("bulk statements on a partitioned table and on one of its parts are counted exactly", async () => {
  const db = await server.clone();
  await db.sql(`
    create table public.parted (id int, flow text, status text default 'running',
      created_at timestamptz, finished_at timestamptz, primary key (id, created_at))
      partition by range (created_at);
    create table public.parted_1 partition of public.parted for values from ('2026-01-01') to ('2027-01-01');
    create table public.parted_2 partition of public.parted for values from ('2027-01-01') to ('2028-01-01')`);
  await db.sql(
    "select tocsin.watch_runs('public.parted', p_options => '{\"workflow_id\": \"flow\"}')",
  );
  await db.sql(`insert into public.parted (id, flow, created_at)
    select i, 'f' || i % 3, '2026-06-01'::timestamptz + make_interval(days => i % 400)
    from generate_series(1, 100000) as i`);
  await db.sql("update public.parted set status = 'failed', finished_at = now() where id % 2 = 0");
  await db.sql(
    "update public.parted_1 set status = 'succeeded', finished_at = now() where id % 2 = 1",
  );
  await db.sql(`insert into public.parted select i, 'loaded', 'canceled', '2026-07-01', now()
    from generate_series(100001, 110000) as i`);
  const before = await db.sql("select * from tocsin.reconcile('public.parted')");
  for (let beat = 0; beat < 20; beat++) await db.sql("select tocsin_internal.roll_up()");
  assert.deepEqual(before, []);
  assert.deepEqual(await db.sql("select * from tocsin.reconcile('public.parted')"), []);
  const [sums] = await db.sql(`select sum(failure_count)::int as failures,
    sum(canceled_count)::int as canceled from tocsin.workflow_run_metrics`);
  assert.deepEqual(sums, { failures: 50000, canceled: 10000 });
  await db.drop();
});

test("a publication for all tables and triggers of the host's own change nothing", async () => {
  const db = await watched();
  await db.superuser("create publication everything for all tables");
  await db.sql(`create function public.finish() returns trigger language plpgsql as $$
    begin
      if new.status <> 'running' then new.finished_at := clock_timestamp(); end if;
      return new;
    end $$`);
  await db.sql(`create function public.retry() returns trigger language plpgsql as $$
    begin
      if new.status = 'failed' and new.id % 2 = 0 then
        update public.runs set status = 'running', finished_at = null where id = new.id;
      end if;
      return null;
    end $$`);
  await db.sql(
    "create trigger finish before update on public.runs for each row execute function public.finish()",
  );
  // one runs before Tocsin's own trigger and one after it
  await db.sql(
    "create trigger a_retry after update on public.runs for each row execute function public.retry()",
  );
  await db.sql(
    "insert into public.runs (id, flow) select n, 'f' from generate_series(1, 1000) as n",
  );
  await db.sql(
    "update public.runs set status = case when id % 3 = 0 then 'failed' else 'succeeded' end",
  );
  assert.deepEqual(await db.sql("select * from tocsin.reconcile('public.runs')"), []);
  await db.sql("select tocsin_internal.tick()");
  assert.deepEqual(await db.sql("select * from tocsin.reconcile('public.runs')"), []);
  const [sums] = await db.sql(`select success_count::int as succeeded, failure_count::int as failed
    from tocsin.workflow_run_metrics`);
  assert.deepEqual(sums, { succeeded: 667, failed: 167 });
  await db.drop();
});
