// Sampling with several sessions at once: it takes no lock that a producer or a consumer could feel,
// waits for nobody's, reads by indexes only, and counts what was committed, whoever is in between.
// (What one session can show is pgTAP's.)

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import type pg from "pg";
import { repository } from "../dev/paths.ts";
import { startTestDatabase, type TestDatabase } from "../dev/test/database.ts";

const server = await startTestDatabase();
after(() => server.stop());

const sample = (beat: number): string =>
  `select tocsin_internal.sample_queues(clock_timestamp() + interval '10 s' * ${beat})`;

test("a look that is not over yet holds up neither producers nor consumers", async () => {
  const db = await server.clone();
  await db.sql("select pgmq.create('emails'); select pgmq.send('emails', '1')");
  const heart = await db.connect();
  await heart.query("begin");
  await heart.query(sample(0));

  const { rows } = await heart.query<{ mode: string; name: string }>(
    `select l.mode, l.relation::regclass::text as name from pg_locks l
     where l.pid = pg_backend_pid() and l.relation::regclass::text like 'pgmq.%'
       and l.relation::regclass::text like '%emails%' order by 1, 2`,
  );
  assert.ok(rows.some(({ name }) => name === "pgmq.q_emails"));
  assert.deepEqual(
    rows.filter(({ mode, name }) => mode !== "AccessShareLock" && !name.endsWith("_seq")),
    [],
    "its table is locked as by a plain select",
  );
  assert.deepEqual(
    rows.filter(({ mode, name }) => name.endsWith("_seq") && mode !== "RowExclusiveLock"),
    [],
    "its sequence as by every sender",
  );

  const host = await db.connect();
  await host.query("set lock_timeout = '250ms'");
  await host.query("select pgmq.send('emails', '2')");
  await host.query("select pgmq.read('emails', 30, 1)");
  await host.query("select pgmq.set_vt('emails', 1, 0)");
  await host.query("select pgmq.archive('emails', 1)");
  await host.query("select pgmq.delete('emails', 2)");
  await host.query("select pgmq.create('more')");
  await host.query("vacuum pgmq.q_emails");
  await host.query("create index concurrently on pgmq.q_more (enqueued_at)");
  await heart.query("rollback");
  await db.drop();
});

test("whoever alters a queue is not waited for, and the other queues are looked at", async () => {
  const db = await server.clone();
  await db.sql("select pgmq.create('emails'); select pgmq.create('orders')");
  await db.sql(sample(0));
  const owner = await db.connect();
  await owner.query("begin");
  await owner.query("alter table pgmq.q_emails add column note text");
  await db.sql("select pgmq.send('orders', '1')");
  const began = Date.now();
  await db.sql(sample(1));
  assert.ok(Date.now() - began < 2000);
  const rows = await db.sql(`select queue_name, ready_count::int, reason from tocsin.queue_health
    where queue_name in ('emails', 'orders') order by 1`);
  assert.match(String(rows[0]?.["reason"]), /^It could not be looked at: canceling statement due/);
  assert.equal(rows[1]?.["ready_count"], 1);
  await owner.query("commit");
  await db.sql(sample(2));
  const [again] = await db.sql(
    "select reason from tocsin.queue_health where queue_name = 'emails'",
  );
  assert.equal(again?.["reason"], "Nothing to do.");
  await db.drop();
});

/** The plans of what looks at queues in a statement, as auto_explain tells them. */
async function plans(client: pg.Client, sql: string): Promise<string> {
  const told: string[] = [];
  client.on("notice", (notice) => told.push(notice.message ?? ""));
  await client.query(`load 'auto_explain'; set auto_explain.log_min_duration = 0;
    set auto_explain.log_nested_statements = on; set auto_explain.log_level = notice`);
  await client.query(sql);
  await client.query("set auto_explain.log_min_duration = -1");
  return told.filter((plan) => plan.includes("select count(*) filter")).join("\n\n");
}

test("it reads by indexes, a table that was never analyzed as well", async () => {
  const db = await server.clone();
  for (const queue of ["fresh", "known"]) {
    await db.sql(`select pgmq.create('${queue}');
      alter table pgmq.q_${queue} set (autovacuum_enabled = off);
      alter table pgmq.a_${queue} set (autovacuum_enabled = off);
      insert into pgmq.q_${queue} (vt, read_ct, message)
        select now() + interval '1 s' * (n % 200 - 100), n % 2, '{}'
        from generate_series(1, 60000) as n`);
    await db.sql(
      `select pgmq.archive('${queue}', array(select generate_series(1, 20000)::bigint))`,
    );
  }
  await db.sql("vacuum analyze pgmq.q_known");
  await db.sql("vacuum analyze pgmq.a_known");
  const heart = await db.connect("supabase_admin");
  const told = await plans(heart, sample(0));
  assert.match(told, /Index (Only )?Scan using q_fresh_vt_idx/);
  assert.match(told, /Index Scan Backward using archived_at_idx_known/);
  assert.doesNotMatch(told, /Seq Scan|Bitmap|Sort Key: (?!\(GREATEST)/);
  const rows = await db.sql(`select ready_count::int, in_flight_count::int, is_capped,
      estimated_length is not null as is_estimated
    from tocsin.queue_health where queue_name in ('fresh', 'known') order by queue_name`);
  assert.deepEqual(
    rows.map((row) => [row["ready_count"], row["is_capped"]]),
    [
      [10000, true],
      [10000, true],
    ],
  );
  assert.equal(rows[1]?.["is_estimated"], true);
  await db.drop();
});

/** What the samples say came in and was finished, and what is there. */
async function told(db: TestDatabase): Promise<{ came: number; finished: number; ready: number }> {
  const [row] = await db.sql<{ came: number; finished: number; ready: number }>(`
    select coalesce(sum(enqueued_count), 0)::int as came,
      coalesce(sum(finished_count), 0)::int as finished,
      (select ready_count::int from tocsin.queue_health where queue_name = 'emails') as ready
    from tocsin.queue_metrics where queue_name = 'emails'`);
  assert.ok(row);
  return row;
}

test("what is sent but not committed is not taken for finished", async () => {
  const db = await server.clone();
  const flush = "select pg_stat_force_next_flush()";
  await db.sql("select pgmq.create('emails')");
  let beat = 0;
  const look = async (): Promise<unknown> => db.sql(sample((beat += 1)));
  await look();

  const sender = await db.connect();
  await sender.query("begin");
  await sender.query(
    "select pgmq.send_batch('emails', array(select '{}'::jsonb from generate_series(1, 500)))",
  );
  await look();
  assert.deepEqual(await told(db), { came: 500, finished: 0, ready: 0 });
  await sender.query("commit");
  await look();
  assert.deepEqual(await told(db), { came: 500, finished: 0, ready: 500 });

  const consumer = await db.connect();
  await consumer.query("begin");
  await consumer.query("select pgmq.read('emails', 30, 100)");
  await consumer.query(
    "select pgmq.delete('emails', array(select generate_series(1, 100)::bigint))",
  );
  await look();
  assert.equal((await told(db)).finished, 0, "nor is what is deleted but not committed");
  await consumer.query(`rollback; ${flush}`);
  await look();
  assert.deepEqual(await told(db), { came: 500, finished: 0, ready: 500 });
  await consumer.query("select pgmq.read('emails', 30, 40)");
  await consumer.query(
    "select pgmq.delete('emails', array(select generate_series(1, 40)::bigint))",
  );
  await consumer.query(flush);
  await look();
  assert.deepEqual(await told(db), { came: 500, finished: 40, ready: 460 });

  await db.sql("select pgmq.purge_queue('emails')");
  await look();
  await look();
  assert.deepEqual(
    await told(db),
    { came: 500, finished: 40, ready: 0 },
    "what was purged was not finished",
  );
  await db.drop();
});

test("an older pgmq, which notes no reads: a consumer is seen in what it changes", async () => {
  const db = await server.clone();
  await db.sql(`create table pgmq.q_old (msg_id bigint primary key generated always as identity,
      read_ct int default 0 not null, enqueued_at timestamptz default now() not null,
      vt timestamptz not null, message jsonb);
    create index q_old_vt_idx on pgmq.q_old (vt);
    insert into pgmq.meta (queue_name, is_partitioned, is_unlogged) values ('old', false, false);
    insert into pgmq.q_old (vt) select now() from generate_series(1, 5)`);
  const status = async (beat: number): Promise<unknown> => {
    await db.sql(sample(beat));
    const [row] = await db.sql(`select s.status::text,
        round(extract(epoch from s.sampled_at - s.last_read_at))::int as unread
      from tocsin_internal.queue_states s where s.queue_name = 'old'`);
    return row;
  };
  assert.deepEqual(await status(0), { status: "healthy", unread: null });
  const consumer = await db.connect();
  await consumer.query("update pgmq.q_old set read_ct = 1, vt = now() where msg_id = 1");
  await consumer.query("select pg_stat_force_next_flush()");
  assert.deepEqual(await status(1), { status: "healthy", unread: 0 });
  assert.deepEqual(await status(12), { status: "slow", unread: 110 });
  assert.deepEqual(await status(15), { status: "stalled", unread: 140 });
  await db.drop();
});

test("the how-to works as it stands there", async () => {
  const db = await server.clone();
  const page = readFileSync(join(repository, "docs/how-to/watch-queues.md"), "utf8");
  const blocks = [...page.matchAll(/^```sql\n([\s\S]*?)^```$/gm)].map(([, sql = ""]) => sql);
  const run = async (part: string): Promise<Record<string, unknown>[]> => {
    const block = blocks.find((sql) => sql.includes(part)) ?? assert.fail(`no ${part}`);
    return db.sql(block.replace("7f3c…", "p"));
  };
  await db.sql(`insert into tocsin.alert_channels (name, kind, recipients)
    values ('Team', 'email', '{team@example.com}')`);
  await run("queue_stalled");
  assert.equal((await db.sql("select from tocsin.alert_setting_channels")).length, 2);

  await db.sql("select pgmq.create('orders'); select pgmq.create('orders_dead')");
  await run("watch_queue");
  await db.sql(`select pgmq.send_batch('orders',
    array(select jsonb_build_object('order', n) from generate_series(1, 42) as n))`);
  await db.sql("select pgmq.send_batch('orders_dead', array_fill('{}'::jsonb, array[16]))");
  await run("pgmq.delete");
  await db.sql(`select pgmq.send_batch('orders_dead',
    array_fill('{"message": {"order": 7}, "error": "late"}'::jsonb, array[2]))`);
  await db.sql(sample(0));
  await db.sql(sample(1));
  const health = await run("from tocsin.queue_health");
  const orders = health.find((row) => row["queue_name"] === "orders");
  assert.match(String(orders?.["reason"]), / 41 ready .* 19 dead letters in orders_dead\.$/);

  await run("list_dead_letters");
  assert.deepEqual(
    await db.sql("select message from pgmq.q_orders where msg_id > 42 order by msg_id"),
    [{ message: { order: 42 } }, { message: { order: 7 } }],
    "sent again: 17 and 18",
  );
  assert.equal((await db.sql("select from pgmq.q_orders_dead")).length, 16, "and 19 is dropped");
  await db.drop();
});
