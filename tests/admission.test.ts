// Admission where it could go wrong: a storm, two hearts at once, settings that change and go under
// it. Whatever happens, each failure has one decision for each setting that wants it.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { startTestDatabase, type TestDatabase } from "../dev/test/database.ts";

const server = await startTestDatabase();
after(() => server.stop());

// yesterday at ten: the proof looks no further back than decisions are kept
const day = 86_400_000;
const base = Math.floor(Date.now() / day) * day - day + 10 * 3_600_000;
/** A moment of the test's own clock. */
const at = (seconds: number): string => new Date(base + seconds * 1000).toISOString();

async function watched(): Promise<TestDatabase> {
  const db = await server.clone();
  await db.sql("create table public.runs (id int primary key, status text, workflow_id text)");
  await db.sql("select tocsin.watch_runs('public.runs')");
  await db.sql(`insert into tocsin.alert_channels (name, kind, recipients)
    values ('mail', 'email', '{a@b.test}')`);
  return db;
}

async function attachAll(db: TestDatabase): Promise<void> {
  await db.sql(`insert into tocsin.alert_setting_channels (setting_id, channel_id)
    select setting_id, channel_id from tocsin.alert_settings, tocsin.alert_channels
    on conflict do nothing`);
}

/** The stages that lead to a decision, each in a transaction of its own, as the heart runs them. */
async function beat(db: TestDatabase, now: string, stages = deciding): Promise<void> {
  for (const stage of stages)
    await db.sql("select tocsin_internal.run_stage($1, $2)", [stage, now]);
}
const deciding = ["roll_up", "claim_failures", "ingest", "close_windows", "remind"];

/** Beats until all failures are stored, and then until every window is over. */
async function drain(db: TestDatabase, failures: number): Promise<void> {
  for (let beats = 0; beats < 300; beats++) {
    await beat(db, at(1000));
    const [row] = await db.sql<{ count: number }>(
      "select count(*)::int as count from tocsin.error_metrics",
    );
    if (row?.count === failures) break;
  }
  for (const second of [2000, 3000, 4000]) await beat(db, at(second));
}

/** The conservation law, counted. */
async function assertAccounted(db: TestDatabase, failures: number): Promise<void> {
  assert.deepEqual(await db.sql("select stage, message from tocsin_internal.stage_faults"), []);
  const [events] = await db.sql<{ count: number }>(
    "select count(*)::int as count from tocsin.error_metrics",
  );
  assert.equal(events?.count, failures, "each failure is stored");
  assert.deepEqual(await db.sql("select * from tocsin.unaccounted_events"), []);
  assert.deepEqual(
    await db.sql(`select event_id, setting_id from tocsin.alert_logs
      group by event_id, setting_id having count(*) > 1`),
    [],
    "no decision is made twice",
  );
  assert.deepEqual(
    await db.sql(`select window_id from tocsin_internal.throttle_windows w
      where held_count <> (select count(*) from tocsin.alert_logs l
        where l.window_id = w.window_id and l.decision in ('throttled', 'deferred'))`),
    [],
    "a window held back what its decisions say",
  );
  assert.deepEqual(
    await db.sql(`select n.notification_id from tocsin.notifications n
      where purpose = 'summary' and (content #>> '{held_back,count}')::int <> (
        select count(*) from tocsin.alert_logs l where l.notification_id = n.notification_id)`),
    [],
    "a summary counts what its decisions say",
  );
}

test("a storm of 100,000 failures of one workflow in a minute is told in two messages", async (t) => {
  const db = await watched();
  await db.sql("insert into tocsin.alert_settings (name) values ('all')");
  await attachAll(db);
  const failures = 100_000;
  await db.sql(`insert into public.runs
    select n, 'failed', 'sync' from generate_series(1, ${failures}) as n`);

  let decided = 0;
  for (let second = 0; decided < failures; second = Math.min(second + 5, 295)) {
    await beat(db, at(second));
    const [row] = await db.sql<{ count: number }>(
      "select count(*)::int as count from tocsin.alert_logs",
    );
    assert.ok(row !== undefined && row.count > decided, "each beat gets on");
    decided = row.count;
  }
  await beat(db, at(300));
  await beat(db, at(900));

  const told = await db.sql(`select purpose, (content #>> '{held_back,count}')::int as count,
      jsonb_array_length(content #> '{held_back,runs}') as named
    from tocsin.notifications order by decided_at`);
  assert.deepEqual(told, [
    { purpose: "first", count: null, named: null },
    { purpose: "summary", count: failures - 1, named: 10 },
  ]);
  const sums = await db.sql(`select decision, count(*)::int as count from tocsin.alert_logs
    group by decision order by count`);
  t.diagnostic(`decisions: ${JSON.stringify(sums)}`);
  assert.deepEqual(sums, [
    { decision: "notified", count: 1 },
    { decision: "throttled", count: failures - 1 },
  ]);
  const [deliveries] = await db.sql("select count(*)::int as count from tocsin.deliveries");
  assert.deepEqual(deliveries, { count: 2 });
  await assertAccounted(db, failures);
  await db.drop();
});

test("two hearts at once decide each failure once and end each window once", async () => {
  const db = await watched();
  await db.sql(`insert into tocsin.alert_settings (name, throttle_window, group_wait, group_by)
    values ('each', '5 seconds', '0', 'workflow'), ('groups', '10 seconds', '5 seconds', 'setting'),
      ('every one', '0', '0', 'workflow')`);
  await attachAll(db);
  await db.sql(`insert into tocsin.quiet_periods (name, starts_at, ends_at)
    values ('a minute', '10:01', '10:02')`);
  const rounds = 40;
  const each = 25;
  for (let round = 0; round < rounds; round++) {
    await db.sql(
      `insert into public.runs select n, 'failed', 'w' || n % 3
       from generate_series($1::int, $2::int) as n`,
      [round * each + 1, (round + 1) * each],
    );
    // the second comes a little later, in the other order
    await Promise.all([
      beat(db, at(round * 5)),
      beat(db, at(round * 5 + 2), [...deciding].reverse()),
    ]);
  }
  await drain(db, rounds * each);

  await assertAccounted(db, rounds * each);
  const [counts] = await db.sql(`select count(setting_id)::int as decisions,
      count(distinct setting_id)::int as settings from tocsin.alert_logs`);
  assert.deepEqual(counts, { decisions: rounds * each * 3, settings: 3 });
  assert.deepEqual(
    await db.sql(`select window_id from tocsin_internal.throttle_windows
      where closed_at is null and held_count + grouped_count > 0`),
    [],
    "nothing is left to be told",
  );
  const untold = await db.sql(`select l.decision from tocsin.alert_logs l
    where l.notification_id is not null and not exists (
      select from tocsin.notifications n where n.notification_id = l.notification_id)`);
  assert.deepEqual(untold, [], "whatever was held back was told");
  await db.drop();
});

test("settings that change and go while it decides leave nothing undecided", async () => {
  const db = await watched();
  await db.sql(`insert into tocsin.alert_settings (name, throttle_window)
    select 's' || n, '5 seconds' from generate_series(1, 10) as n`);
  await attachAll(db);
  let isLiving = true;
  const editing = (async () => {
    for (let n = 11; isLiving; n++) {
      await db.sql(`delete from tocsin.alert_settings where setting_id = (
        select setting_id from tocsin.alert_settings order by random() limit 1)`);
      await db.sql(`update tocsin.alert_settings set throttle_limit = 1 + floor(random() * 3)::int,
        is_enabled = random() < 0.9`);
      await db.sql("insert into tocsin.alert_settings (name) values ($1)", [`s${n}`]);
      await attachAll(db);
    }
  })();
  const rounds = 20;
  for (let round = 0; round < rounds; round++) {
    await db.sql(
      `insert into public.runs select n, 'failed', 'w' || n % 3
       from generate_series($1::int, $2::int) as n`,
      [round * 20 + 1, (round + 1) * 20],
    );
    await beat(db, at(round * 5));
  }
  isLiving = false;
  await editing;
  await drain(db, rounds * 20);
  await assertAccounted(db, rounds * 20);
  const [bare] = await db.sql(`select count(*)::int as count from tocsin.error_metrics e
    where not exists (select from tocsin.alert_logs l where l.event_id = e.error_id)`);
  assert.deepEqual(bare, { count: 0 });
  await db.drop();
});
