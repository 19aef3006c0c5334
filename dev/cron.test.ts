// The stand-in for pg_cron behaves as the real one where it hurts.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { nextRunAfter, startCron } from "./cron.ts";
import { startTestDatabase, type TestDatabase } from "./test/database.ts";

const server = await startTestDatabase({ migrations: [] });
after(() => server.stop());

type Run = { status: string; return_message: string; end_time: Date | null; start_time: Date };

/** Schedules one job on a new database, runs the scheduler until `enough`, and stops it. */
async function runJob(
  schedule: string,
  command: string,
  enough: (db: TestDatabase, runs: Run[]) => Promise<boolean> | boolean,
): Promise<{ db: TestDatabase; runs: Run[] }> {
  const db = await server.clone();
  await db.sql("create extension pg_cron");
  await db.sql(`create table public.beats (
    beat_id bigserial, pid int default pg_backend_pid(),
    xid xid8 default pg_current_xact_id(), role text default current_user,
    timeout text default current_setting('statement_timeout'))`);
  await db.sql("select cron.schedule('job', $1, $2)", [schedule, command]);
  const cron = await startCron({ url: db.url, database: db.name });
  try {
    for (let tries = 0; tries < 400; tries++) {
      const runs = await readRuns(db);
      if (await enough(db, runs)) return { db, runs };
      await sleep(50);
    }
  } finally {
    await cron.stop();
  }
  return assert.fail(`never came to it: ${JSON.stringify(await readRuns(db))}`);
}

function readRuns(db: TestDatabase): Promise<Run[]> {
  return db.sql<Run>("select * from cron.job_run_details order by runid");
}

const oneEnded = (_db: TestDatabase, runs: Run[]): boolean => runs.some((run) => run.end_time);

test("a command with commits between is as many transactions, and one without is one", async () => {
  const insert = "insert into public.beats default values";
  const { db } = await runJob("1 second", `${insert}; ${insert}; commit; ${insert}`, oneEnded);
  const rows = await db.sql(
    "select count(*)::int as beats, count(distinct xid)::int as xids " +
      "from (select * from public.beats order by beat_id limit 3) as first",
  );
  assert.deepEqual(rows, [{ beats: 3, xids: 2 }]);
});

test("a failing statement undoes what came since the last commit, and that only", async () => {
  const insert = "insert into public.beats default values";
  const { db, runs } = await runJob(
    "1 second",
    `${insert}; commit; ${insert}; select 1/0`,
    oneEnded,
  );
  const [row] = await db.sql("select count(*)::int as beats from public.beats");
  assert.equal(row?.["beats"], runs.filter((run) => run.end_time).length);
  assert.equal(runs[0]?.status, "failed");
  assert.match(runs[0]?.return_message ?? "", /^ERROR: {2}division by zero/);
});

test("a job runs as its owner, under that role's statement timeout", async () => {
  const { db } = await runJob("1 second", "insert into public.beats default values", oneEnded);
  const [row] = await db.sql("select role, timeout from public.beats limit 1");
  assert.deepEqual(row, { role: "postgres", timeout: "2min" });
});

test("a job that takes longer than its interval never runs twice at a time", async () => {
  const { runs } = await runJob(
    "1 second",
    "select pg_sleep(1.6)",
    (_db, runs) => runs.length >= 3,
  );
  for (const [index, run] of runs.entries()) {
    const next = runs[index + 1];
    if (next?.start_time) assert.ok(run.end_time && run.end_time <= next.start_time);
  }
});

test("a job that is unscheduled or inactive runs no more", async () => {
  const { db, runs } = await runJob("1 second", "select cron.unschedule('job')", oneEnded);
  assert.equal(runs[0]?.status, "succeeded");
  const cron = await startCron({ url: db.url, database: db.name });
  await sleep(1500);
  await cron.stop();
  assert.equal((await readRuns(db)).length, runs.length);
});

test("what was running when the server went down is marked failed at the next start", async () => {
  const db = await server.clone();
  await db.sql("create extension pg_cron");
  await db.superuser("insert into cron.job_run_details (jobid, status) values (1, 'running')");
  const cron = await startCron({ url: db.url, database: db.name });
  await cron.stop();
  const [run] = await readRuns(db);
  assert.deepEqual([run?.status, run?.return_message], ["failed", "server restarted"]);
});

test("schedules are read as pg_cron reads them, in GMT", () => {
  const at = (text: string): number => Date.parse(text);
  const next = (schedule: string): string =>
    new Date(nextRunAfter(schedule, at("2026-03-29T00:59:30Z"))).toISOString();
  assert.equal(next("30 seconds"), "2026-03-29T01:00:00.000Z");
  assert.equal(next("* * * * *"), "2026-03-29T01:00:00.000Z");
  assert.equal(next("30 1 * * *"), "2026-03-29T01:30:00.000Z");
  assert.equal(next("0 0 $ * *"), "2026-03-31T00:00:00.000Z");
  // Day of month or day of week, as in every cron.
  assert.equal(next("0 3 1 * 1"), "2026-03-30T03:00:00.000Z");
  assert.equal(nextRunAfter("nonsense", 0), Infinity);
});
