// Two hearts at once, as when somebody calls tick() beside pg_cron: what one is storing, the other
// neither takes, nor counts as an attempt, nor buries.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { startTestDatabase, type TestDatabase } from "../dev/test/database.ts";

const server = await startTestDatabase();
after(() => server.stop());

const claim = "select tocsin_internal.run_stage('claim_failures')";
const ingest = "select tocsin_internal.run_stage('ingest')";

/** One failure that has been read four times, claimed for the fifth by a heart. */
async function atItsLastAttempt(): Promise<TestDatabase> {
  const db = await server.clone();
  await db.sql(`select pgmq.send('tocsin_failures', jsonb_build_object(
    'error_id', gen_random_uuid(), 'run_id', '1', 'source_id', 'gone', 'failed_at', now()))`);
  await db.sql("update pgmq.q_tocsin_failures set read_ct = 4");
  await db.sql(claim);
  return db;
}

const whereItIs = `select (select count(*)::int from tocsin.error_metrics) as stored,
  (select count(*)::int from pgmq.q_tocsin_failures_dlq) as buried,
  (select count(*)::int from pgmq.q_tocsin_failures) as queued,
  (select count(*)::int from tocsin.alert_logs) as decisions`;

test("a message that one heart is storing is not buried by the other", async () => {
  const db = await atItsLastAttempt();
  await db.sql(
    "update tocsin_internal.claimed_failures set claimed_at = now() - interval '1 hour'",
  );
  const [first, second] = [await db.connect(), await db.connect()];
  await first.query("begin");
  await first.query(ingest);
  // it would wait for the first, and then have buried what that stored
  await second.query("set statement_timeout = '5s'");
  for (let beat = 1; beat <= 5; beat++) await second.query(claim);
  await second.query(ingest);
  await first.query("commit");
  await second.query(claim);
  assert.deepEqual(await db.sql(whereItIs), [{ stored: 1, buried: 0, queued: 0, decisions: 1 }]);
  await db.drop();
});

test("nor is one that the other has claimed and not begun to store", async () => {
  const db = await atItsLastAttempt();
  for (let beat = 1; beat <= 5; beat++) await db.sql(claim);
  assert.deepEqual(await db.sql(whereItIs), [{ stored: 0, buried: 0, queued: 1, decisions: 0 }]);
  await db.sql(ingest);
  assert.deepEqual(await db.sql(whereItIs), [{ stored: 1, buried: 0, queued: 0, decisions: 1 }]);
  await db.drop();
});

test("one that a heart died on is taken up ten seconds later", async () => {
  const db = await atItsLastAttempt();
  await db.sql("update pgmq.q_tocsin_failures set read_ct = 2");
  await db.sql("update tocsin_internal.claimed_failures set read_ct = 2");
  const claimIn = (seconds: number): Promise<unknown> =>
    db.sql(`select tocsin_internal.claim_failures(now() + interval '${seconds} seconds')`);
  const attempts = "select read_ct from tocsin_internal.claimed_failures";
  await claimIn(5);
  assert.deepEqual(await db.sql(attempts), [{ read_ct: 2 }]);
  await claimIn(11);
  assert.deepEqual(await db.sql(attempts), [{ read_ct: 3 }]);
  await db.drop();
});
