// Tocsin watching itself, on the whole stack with its heart beating: a stage that is broken is told
// through the operators' channel, through the other when that one fails, and when it is over; and an
// address outside is pinged while all is well.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import pg from "pg";
import { startStack, type Stack } from "../dev/stack.ts";

let stack: Stack;
let db: pg.Client;

before(async () => {
  stack = await startStack({ demo: false });
  db = new pg.Client({ connectionString: stack.databaseUrl });
  await db.connect();
});

after(async () => {
  await db?.end();
  await stack?.stop();
});

/** The first row once it is there. The heart beats by itself; this one does not wait for it. */
async function eventually<Row extends pg.QueryResultRow>(sql: string, seconds = 40): Promise<Row> {
  const deadline = Date.now() + seconds * 1_000;
  for (;;) {
    await db.query("select from tocsin_internal.tick()");
    const { rows } = await db.query<Row>(sql);
    if (rows[0] !== undefined) return rows[0];
    assert.ok(Date.now() < deadline, `There is still no row of: ${sql}`);
    await new Promise((done) => setTimeout(done, 500));
  }
}

const doctor = async (check: string) => {
  const { rows } = await db.query<{ status: string; detail: string }>(
    "select status, detail from tocsin.doctor() where check_name = $1",
    [check],
  );
  return rows[0];
};
/** The minute is over: what is done once a minute is done at the next beat. */
const nextMinute = () =>
  db.query(`update tocsin_internal.self_watch_state
    set checked_at = checked_at - interval '1 minute', pinged_at = pinged_at - interval '1 minute'`);

test("an address outside is pinged while the heart is well, and doctor says how that goes", async () => {
  assert.equal((await doctor("heartbeat"))?.status, "warn", "nobody would notice");
  await db.query("update tocsin.self_watch set heartbeat_url = $1 where true", [
    `${stack.receiver.url}/ping`,
  ]);
  const state = "select ping_error from tocsin_internal.self_watch_state where ping_answered_at";
  await eventually(`${state} is not null and ping_error is null`);
  assert.equal((await doctor("heartbeat"))?.status, "ok");

  await db.query("update tocsin.self_watch set heartbeat_url = $1 where true", [
    `${stack.receiver.url}/no/such/token`,
  ]);
  await nextMinute();
  await eventually(`${state} is not null and ping_error is not null`);
  const { host } = new URL(stack.receiver.url);
  const found = await doctor("heartbeat");
  assert.equal(found?.status, "fail");
  assert.equal(found.detail, `The last ping failed: ${host} answered 404.`);

  // what nobody may be asked to ask
  await db.query(
    "update tocsin.self_watch set heartbeat_url = 'https://169.254.169.254/x' where true",
  );
  await nextMinute();
  await eventually(`${state} is not null and ping_error ~ 'metadata'`);
  const { rows } = await db.query(
    "select from net._http_response where content ~ 'answered|metadata|no/such'",
  );
  assert.equal(rows.length, 0, "what can be read by every role says nothing of it");
  await db.query("update tocsin.self_watch set heartbeat_url = null where true");
});

test("a broken stage is told, by the other channel when the first fails, and when it is over", async () => {
  const { rows } = await db.query<{ channel_id: string }>(
    `insert into tocsin.alert_channels (name, kind, url, recipients) values
       ('hook', 'webhook', $1, '{}'), ('mail', 'email', null, '{ops@example.com}')
     returning channel_id`,
    [`${stack.receiver.url}/hooks/watch`],
  );
  await db.query(
    "update tocsin.self_watch set channel_id = $1, fallback_channel_id = $2 where true",
    rows.map(({ channel_id }) => channel_id),
  );
  stack.receiver.answer([{ status: 500, times: 100 }], "watch");

  await db.query("alter function tocsin_internal.remind(timestamptz) rename to remind_not");
  await eventually(
    "select from tocsin_internal.stage_faults where stage = 'remind' having count(*) >= 3",
  );
  await nextMinute();
  const hook = await stack.receiver.waitFor(({ hook }) => hook === "watch", 40_000);
  const { data } = JSON.parse(hook.body) as { data: Record<string, unknown> };
  assert.deepEqual(
    [data["kind"], data["title"]],
    ["tocsin_unwell", "Tocsin itself: The heart keeps failing at remind"],
  );
  const well = await doctor("tocsin is well");
  assert.match(`${well?.status} ${well?.detail}`, /^warn .*remind: \d+ times.*does not exist/);

  // two minutes without an answer
  await db.query(
    "update tocsin.notifications set decided_at = decided_at - interval '3 minutes' where true",
  );
  await nextMinute();
  const email = await stack.inbox.waitFor(({ subject }) => subject.includes("remind"), 40_000);
  assert.deepEqual(email.to, ["ops@example.com"]);
  assert.match(email.text, /stage_faults/, "it says what to do next");

  await db.query("alter function tocsin_internal.remind_not(timestamptz) rename to remind");
  await eventually(`select from tocsin_internal.stages
    where stage = 'remind' and last_run_at > clock_timestamp() - interval '10 seconds'`);
  await db.query(
    `update tocsin.troubles set seen_at = seen_at - interval '6 minutes',
      began_at = began_at - interval '6 minutes' where true`,
  );
  await nextMinute();
  await eventually("select from tocsin.troubles where ended_at is not null");
  const { rows: told } = await db.query<{ purpose: string; title: string }>(
    "select purpose, content ->> 'title' as title from tocsin.notifications order by decided_at",
  );
  assert.deepEqual(told, [
    { purpose: "first", title: "Tocsin itself: The heart keeps failing at remind" },
    { purpose: "resolved", title: "Over: The heart keeps failing at remind" },
  ]);
  assert.equal((await doctor("tocsin is well"))?.status, "ok");
});
