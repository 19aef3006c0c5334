// However runs are written: COPY, bulk statements, partitions that come and go, transactions that
// keep their snapshot, times that cannot be. The counters equal the table, or reconcile() says
// where not.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { copyFrom } from "../dev/test/copy.ts";
import { startTestDatabase, type TestDatabase } from "../dev/test/database.ts";

const server = await startTestDatabase();
after(() => server.stop());

const columns = `id int, flow text, status text not null default 'running',
  started_at timestamptz default now(), finished_at timestamptz`;

async function watched(): Promise<TestDatabase> {
  const db = await server.clone();
  await db.sql(`create table public.runs (${columns}, primary key (id))`);
  await watch(db);
  return db;
}

const watch = (db: TestDatabase) =>
  db.sql(`select tocsin.watch_runs('public.runs', p_options => '{"workflow_id": "flow"}')`);
const beat = (db: TestDatabase) => db.sql("select tocsin_internal.roll_up()");
const differences = (db: TestDatabase) => db.sql("select * from tocsin.reconcile('public.runs')");
const totals = (db: TestDatabase) =>
  db.sql(`select workflow_id as flow, success_count::int as succeeded, failure_count::int as failed,
    canceled_count::int as canceled from tocsin.workflow_run_metrics order by 1`);

/** Exact before a roll-up and after it. */
async function assertExact(db: TestDatabase): Promise<void> {
  assert.deepEqual(await differences(db), [], "what is pending");
  for (let beats = 0; beats < 10; beats++) await beat(db);
  assert.deepEqual(await differences(db), [], "what is counted");
}

test("COPY of finished runs is counted, several at once, one of them broken off", async () => {
  const db = await watched();
  const statuses = ["succeeded", "failed", "timed_out", "canceled", "running"];
  function* lines(from: number, count: number): Generator<string> {
    for (let id = from; id < from + count; id++) {
      const status = statuses[id % 5] ?? "";
      const finished = status === "running" ? "\\N" : new Date().toISOString();
      yield `${id}\tf${id % 3}\t${status}\t${new Date().toISOString()}\t${finished}\n`;
    }
  }
  const copy = async (text: Iterable<string>): Promise<void> => {
    const into = "copy public.runs (id, flow, status, started_at, finished_at) from stdin";
    await copyFrom(await db.connect(), into, text);
  };
  let isCopying = true;
  const rollingUp = (async () => {
    while (isCopying) await beat(db);
  })();
  const results = await Promise.allSettled([
    copy(lines(1, 20_000)),
    copy(lines(100_001, 20_000)),
    copy([...lines(200_001, 5_000), "no number\tf\tfailed\t\\N\t\\N\n"]),
  ]);
  isCopying = false;
  await rollingUp;
  assert.deepEqual(
    results.map(({ status }) => status),
    ["fulfilled", "fulfilled", "rejected"],
  );
  await assertExact(db);
  const [sum] = await db.sql(`select sum(success_count)::int as succeeded,
    sum(failure_count)::int as failed, sum(timed_out_count)::int as timed_out,
    sum(canceled_count)::int as canceled from tocsin.workflow_run_metrics`);
  const each = 8_000;
  const expected = { succeeded: each, failed: 2 * each, timed_out: each, canceled: each };
  assert.deepEqual(sum, expected);
  await db.drop();
});

test("one UPDATE of 100,000 runs is counted whole, or not at all", async () => {
  const db = await watched();
  await db.sql(`insert into public.runs (id, flow)
    select n, 'f' || n % 3 from generate_series(1, 100000) as n`);
  const client = await db.connect();
  const end = (status: string) =>
    client.query(`update public.runs set status = '${status}', finished_at = clock_timestamp()`);
  await client.query("begin");
  await end("failed");
  await beat(db);
  await client.query("rollback");
  assert.deepEqual(await totals(db), []);
  await end("failed");
  await assertExact(db);
  await end("succeeded");
  const expected = [
    { flow: "f0", succeeded: 33333, failed: 0, canceled: 0 },
    { flow: "f1", succeeded: 33334, failed: 0, canceled: 0 },
    { flow: "f2", succeeded: 33333, failed: 0, canceled: 0 },
  ];
  assert.deepEqual(await totals(db), expected, "all of them taken back, and pending");
  for (let beats = 0; beats < 20; beats++) await beat(db);
  assert.deepEqual(await totals(db), expected);
  assert.deepEqual(await differences(db), []);
  await db.drop();
});

test("MERGE, upserts and CTEs count as what they do, and TRUNCATE takes nothing back", async () => {
  const db = await watched();
  await db.sql(`insert into public.runs (id, flow, status, finished_at)
    select n, 'f', case when n % 2 = 0 then 'failed' else 'running' end,
      case when n % 2 = 0 then now() end
    from generate_series(1, 100) as n`);
  await db.sql(`merge into public.runs r
    using (select n from generate_series(51, 150) as n) as s on r.id = s.n
    when matched and r.status = 'failed' then update set status = 'running', finished_at = null
    when matched then update set status = 'succeeded', finished_at = clock_timestamp()
    when not matched then insert (id, flow, status, finished_at)
      values (s.n, 'f', 'canceled', clock_timestamp())`);
  await db.sql(`insert into public.runs (id, flow, status, finished_at)
    select n, 'f', 'failed', clock_timestamp() from generate_series(141, 160) as n
    on conflict (id) do update set status = excluded.status, finished_at = excluded.finished_at`);
  await db.sql(`with ended as (
      update public.runs set status = 'succeeded', finished_at = clock_timestamp()
      where id <= 10 returning id
    )
    insert into public.runs (id, flow, status, finished_at)
    select 1000 + id, 'f', 'failed', clock_timestamp() from ended`);
  await assertExact(db);
  // failed: 25 of the first 50, less 5 of them, 20 by upsert, 10 by the CTE
  const expected = [{ flow: "f", succeeded: 35, failed: 50, canceled: 40 }];
  assert.deepEqual(await totals(db), expected);
  await db.sql("truncate public.runs");
  await beat(db);
  assert.deepEqual(await totals(db), expected);
  await db.drop();
});

test("a partition that is detached, archived and attached again changes nothing", async () => {
  const db = await server.clone();
  await db.sql(`create table public.runs (${columns}, created_at timestamptz,
      primary key (id, created_at)) partition by range (created_at);
    create table public.runs_2026 partition of public.runs
      for values from ('2026-01-01Z') to ('2027-01-01Z');
    create table public.runs_2027 partition of public.runs
      for values from ('2027-01-01Z') to ('2028-01-01Z');
    create table public.archive (like public.runs) partition by range (created_at)`);
  await watch(db);
  await db.sql(`insert into public.runs (id, flow, status, finished_at, created_at)
    select n, 'f', 'failed', now(), timestamptz '2026-06-01Z' + make_interval(days => n % 400)
    from generate_series(1, 1000) as n`);
  await assertExact(db);
  const counted = await totals(db);

  await db.sql("alter table public.runs detach partition public.runs_2026");
  await db.sql("update public.runs_2026 set flow = 'g', status = 'canceled' where id % 2 = 0");
  await beat(db);
  assert.deepEqual(await totals(db), counted, "what is done to it apart is its own affair");
  await db.sql("update public.runs_2026 set flow = 'f', status = 'failed'");
  await db.sql(`alter table public.archive attach partition public.runs_2026
    for values from ('2026-01-01Z') to ('2027-01-01Z')`);
  await beat(db);
  assert.deepEqual(await totals(db), counted, "in the archive it counts no second time");
  const [gone] = await differences(db);
  assert.ok(Number(gone?.difference) > 0, "the table holds fewer, and reconcile() says so");

  await db.sql("alter table public.archive detach partition public.runs_2026");
  await db.sql(`alter table public.runs attach partition public.runs_2026
    for values from ('2026-01-01Z') to ('2027-01-01Z')`);
  await assertExact(db);
  assert.deepEqual(await totals(db), counted);

  await db.sql("update public.runs set status = 'running', finished_at = null where id % 4 = 0");
  await db.sql("delete from public.runs where id % 4 = 1");
  await beat(db);
  assert.deepEqual(await totals(db), [{ flow: "f", succeeded: 0, failed: 750, canceled: 0 }]);
  await db.drop();
});

test("a run that Postgres deletes and inserts counts anew, and reconcile() says so", async () => {
  const db = await server.clone();
  await db.sql(`create table public.runs (${columns}, created_at date,
      primary key (id, created_at)) partition by range (created_at);
    create table public.runs_old partition of public.runs
      for values from ('2026-01-01') to ('2026-07-01');
    create table public.runs_new partition of public.runs
      for values from ('2026-07-01') to ('2027-01-01')`);
  await watch(db);
  await db.sql(`insert into public.runs (id, flow, status, finished_at, created_at)
    select n, 'f', 'failed', now(), '2026-02-01' from generate_series(1, 10) as n`);
  // a correction within the partition, and one across
  await db.sql("update public.runs set created_at = '2026-03-01' where id <= 5");
  await assertExact(db);
  await db.sql("update public.runs set created_at = '2026-08-01' where id = 1");
  await beat(db);
  const [row] = await differences(db);
  assert.deepEqual(
    [row?.outcome, row?.counted, row?.in_table, row?.difference],
    ["failed", "11", "10", "1"],
  );
  await db.drop();
});

test("rows that are attached were not seen, and reconcile() says so", async () => {
  const db = await server.clone();
  await db.sql(`create table public.runs (${columns}, created_at date)
      partition by range (created_at);
    create table public.loaded (like public.runs)`);
  await watch(db);
  await db.sql(`insert into public.loaded
    select n, 'f', 'succeeded', now(), clock_timestamp(), '2026-02-01'
    from generate_series(1, 10) as n`);
  await db.sql(`alter table public.runs attach partition public.loaded
    for values from ('2026-01-01') to ('2026-07-01')`);
  const [row] = await differences(db);
  assert.deepEqual([row?.outcome, row?.difference], ["succeeded", "-10"]);
  await db.sql("update public.runs set flow = 'g' where id = 1");
  const [f, g] = await differences(db);
  assert.deepEqual([f?.difference, g?.workflow_id], ["-10", undefined], "from then on, it moves");
  await db.drop();
});

test("REPEATABLE READ writers are counted, whatever was rolled up meanwhile", async () => {
  const db = await watched();
  await db.sql(
    "insert into public.runs (id, flow) select n, 'f' from generate_series(1, 100) as n",
  );
  const writers = await Promise.all([db.connect(), db.connect(), db.connect()]);
  for (const client of writers) {
    await client.query("begin isolation level repeatable read");
    await client.query("select count(*) from public.runs");
  }
  await db.sql("update public.runs set status = 'failed', finished_at = now() where id > 60");
  await beat(db);
  for (const [index, client] of writers.entries()) {
    await client.query(`update public.runs set status = 'succeeded', finished_at = clock_timestamp()
      where id % 3 = ${index} and id <= 60`);
    await beat(db);
    // its own snapshot: its own runs and none of the others'
    const { rows } = await client.query(`select sum(success_count)::int as succeeded,
      sum(failure_count)::int as failed from tocsin.workflow_run_metrics`);
    assert.deepEqual(rows, [{ succeeded: 20, failed: 0 }]);
    await client.query(`update public.runs set status = 'running', finished_at = null
      where id = ${index + 3}`);
  }
  await assert.rejects(
    writers[0]?.query("update public.runs set status = 'failed' where id = 61") ??
      Promise.resolve(),
    { code: "40001" },
    "the host's own conflict",
  );
  await writers[0]?.query("rollback");
  await writers[1]?.query("commit");
  await beat(db);
  await writers[2]?.query("commit");
  await assertExact(db);
  assert.deepEqual(await totals(db), [{ flow: "f", succeeded: 38, failed: 40, canceled: 0 }]);
  await db.drop();
});

test("times that cannot be are clamped, taken back from there, and set no run aside", async () => {
  const db = await watched();
  const odd = ["'infinity'", "'-infinity'", "'1970-01-01'", "now() + interval '1 year'", "null"];
  let id = 0;
  for (const started of ["now()", ...odd]) {
    for (const finished of ["now()", ...odd]) {
      await db.sql(`insert into public.runs values
        (${++id}, 'f', 'failed', ${started}, ${finished}),
        (${++id}, 'f', 'running', ${started}, null)`);
      await db.sql(`update public.runs set status = 'canceled', finished_at = ${finished}
        where id = ${id}`);
      if (id % 3 === 0) await beat(db);
    }
  }
  await assertExact(db);
  const perBucket = () =>
    db.sql(`select bucket_minutes, sum(failed_count)::int as failed,
        sum(canceled_count)::int as canceled,
        bool_and(bucket_minutes = 0
          or bucket_at between now() - interval '2 days' and now()) as is_now
      from tocsin_internal.run_buckets group by 1 order by 1`);
  assert.deepEqual(
    await perBucket(),
    [0, 1, 5, 15, 1440].map((minutes) => ({
      ...{ bucket_minutes: minutes, failed: 36, canceled: 36, is_now: true },
    })),
  );
  await db.sql("update public.runs set status = 'running', finished_at = null");
  await assertExact(db);
  const [left] = await db.sql(`select sum(abs(failed_count) + abs(canceled_count))::int as runs,
      sum(abs(duration_ms_sum)) as ms, sum(cardinality(duration_bins))::int as bins,
      (select count(*)::int from tocsin_internal.outcomes_set_aside) as aside,
      (select count(*)::int from tocsin_internal.stage_faults) as faults
    from tocsin_internal.run_totals`);
  assert.deepEqual(left, { runs: 0, ms: 0, bins: 0, aside: 0, faults: 0 });
  await db.drop();
});
