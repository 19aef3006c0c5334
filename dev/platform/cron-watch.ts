// The jobs of the real pg_cron, watched: what it takes for a schedule is read alike, and a job that
// fails, one that is skipped and one that is unscheduled have the right status and the right alerts.

import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";

type Row = Record<string, unknown>;
export type Query = (text: string, values?: unknown[]) => Promise<Row[]>;

/** Schedules as people write them, right and wrong. */
const schedules = [
  ...["* * * * *", "*/15 * * * *", "5 4 * * *", "0,30 9-17/2 * * *", "0 0 $ * *", "0 0 1 */3 *"],
  ...["30 3 * * mon-fri", "0 0 * jan,JUL Sun", "0 0 * * 7", "0 0 13 * 5", "59 23 31 12 *"],
  ...["1 second", "30 seconds", "59 SECONDS", "@hourly", "@daily", "@midnight", "@weekly"],
  ...["@monthly", "@yearly", "@annually", "  0  6  * * *", "0 6 * * * and more"],
  ...["1/20 * * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * 32 * *", "* * * 13 *"],
  ...["* * * 0 *", "* * * * 8", "* * * *", "", "0 seconds", "60 seconds", "*/70 * * * *"],
  ...["x * * * *", "* * * foo *", "* * * * foo", "5- * * * *", "*/0 * * * *", "1,,2 * * * *"],
];

/** Every schedule that pg_cron takes can be read, and none that it refuses. */
export async function compareSchedules(query: Query): Promise<string[]> {
  const different: string[] = [];
  for (const schedule of schedules) {
    const isTaken = await query("select cron.schedule('tocsin-probe', $1, 'select 1')", [schedule])
      .then(() => query("select cron.unschedule('tocsin-probe')"))
      .then(() => true)
      .catch(() => false);
    const [row] = await query(
      "select (tocsin_internal.parse_cron($1))::text is not null as is_read",
      [schedule],
    );
    if (row?.["is_read"] !== isTaken) {
      different.push(`${JSON.stringify(schedule)}: pg_cron ${isTaken ? "takes" : "refuses"} it`);
    }
  }
  return different;
}

const story = `select a.workflow_id as job, t.transition::text from tocsin.alert_transitions t
  join tocsin.alerts a using (alert_id)
  -- the demo has settings of its own that hear of every job
  join tocsin.alert_settings s on s.setting_id = a.setting_id and s.name like 'probe %'
  where a.workflow_id like 'probe %' and t.transition <> 'pending' order by t.made_at, t.at`;

/** Waits until the statement gives a row. */
async function until(query: Query, what: string, text: string): Promise<Row> {
  for (let tries = 0; tries < 400; tries++) {
    const [row] = await query(text);
    if (row) return row;
    await sleep(500);
  }
  return assert.fail(`${what}: ${JSON.stringify(await query("select * from tocsin.cron_health"))}`);
}

/** A job that fails, one that works and one that is gone, while pg_cron drives the heart. */
export async function watchJobs(query: Query): Promise<void> {
  // what failed before the first look is not told
  await query("select from tocsin_internal.run_stage('watch_cron')");
  await query(`
    select cron.schedule('probe fails', '2 seconds', 'select 1 / 0');
    select cron.schedule('probe works', '2 seconds', 'select 1');
    select cron.schedule('probe gone', '* * * * *', 'select 1 / 0');
    insert into tocsin.alert_settings (name, kind, parameters) values
      ('probe failed', 'cron_failed', '{}'),
      ('probe missed', 'cron_missed', '{"grace": "1 minute"}'),
      ('probe slow', 'cron_slow', '{}')`);
  await until(
    query,
    "the job that fails is seen",
    "select from tocsin.cron_health where job_name = 'probe fails' and status = 'failing'",
  );
  await query("select cron.unschedule('probe gone')");
  await until(
    query,
    "the job that fails is told",
    "select from tocsin.alert_logs where what = 'fired' and workflow_id = 'probe fails'",
  );
  const health = await query(
    "select job_name, status, reason from tocsin.cron_health where job_name like 'probe%' order by 1",
  );
  assert.deepEqual(
    health.map((row) => [row["job_name"], row["status"]]),
    [
      ["probe fails", "failing"],
      ["probe works", "healthy"],
    ],
  );
  assert.match(String(health[0]?.["reason"]), /in a row: division by zero/);
  assert.deepEqual(await query(story), [{ job: "probe fails", transition: "fired" }]);

  await query("select cron.unschedule('probe fails')");
  await until(
    query,
    "it is over when the job is gone",
    "select from tocsin.alerts where workflow_id = 'probe fails' and state = 'resolved'",
  );
  // each of its runs is one failure event
  const [count] = await query(`
    select (select count(*)::int from cron.job_run_details
        where command = 'select 1 / 0' and status = 'failed') as runs,
      (select count(*)::int from tocsin.error_metrics
        where component = 'pg_cron' and workflow_id ~ '^probe (fails|gone)') as events`);
  assert.ok(Number(count?.["runs"]) > 5);
  assert.equal(count?.["events"], count?.["runs"]);
}

/** A job that pg_cron does not begin, and begins again; jobs are launched as `launch` says. */
export async function skipJob(
  query: Query,
  launch: (isOn: boolean) => Promise<void>,
): Promise<void> {
  await launch(false);
  await query("select cron.schedule('probe skipped', '3 seconds', 'select 1')");
  await query("select from tocsin_internal.watch_cron()");
  // ten minutes go by: what is known of it is ten minutes older
  await query(`update tocsin.cron_jobs set next_due_at = next_due_at - interval '10 minutes',
      scheduled_since = scheduled_since - interval '10 minutes' where job_name = 'probe skipped'`);
  await query("select from tocsin_internal.evaluate(clock_timestamp() + interval '1 minute')");
  assert.deepEqual(
    await query("select status from tocsin.cron_health where job_name = 'probe skipped'"),
    [{ status: "missed" }],
  );
  const skipped = (await query(story)).filter((row) => row["job"] === "probe skipped");
  assert.deepEqual(skipped, [{ job: "probe skipped", transition: "fired" }]);

  await launch(true);
  await until(
    query,
    "it is over when the job begins again",
    "select from tocsin.alerts where workflow_id = 'probe skipped' and state = 'resolved'",
  );
  const now = (await query(story)).filter((row) => row["job"] === "probe skipped");
  assert.deepEqual(
    now.map((row) => row["transition"]),
    ["fired", "resolved"],
  );
  await query(`
    select cron.unschedule('probe skipped');
    select cron.unschedule('probe works');
    delete from tocsin.alert_settings where name like 'probe %'`);
}
