// Queues of the real pg-boss, of each version that is supported, seen by the same sampler as those
// of pgmq. See 20260101001082_read_pgboss.sql.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { PgBoss as PgBoss12 } from "pg-boss";
import PgBoss10 from "pg-boss-10";
import PgBoss11 from "pg-boss-11";
import { startTestDatabase, type TestDatabase } from "../dev/test/database.ts";

const server = await startTestDatabase();
after(() => server.stop());

/** What the tests do with pg-boss, in whatever version. */
type Boss = {
  start: () => Promise<unknown>;
  stop: () => Promise<unknown>;
  createQueue: (name: string, deadLetter?: string) => Promise<unknown>;
  deleteQueue: (name: string) => Promise<unknown>;
  send: (name: string, options?: { startAfter?: number; retryLimit?: number }) => Promise<unknown>;
  fetch: (name: string) => Promise<string>;
  complete: (name: string, id: string) => Promise<unknown>;
  fail: (name: string, id: string) => Promise<unknown>;
};

const quiet = { supervise: false, schedule: false, migrate: true };

function openBoss(version: number, connectionString: string): Boss {
  const first = (jobs: { id: string }[]): string => jobs[0]?.id ?? assert.fail("no job");
  if (version === 10) {
    const boss = new PgBoss10({ connectionString, ...quiet });
    return {
      start: () => boss.start(),
      stop: () => boss.stop({ graceful: false, wait: true }),
      createQueue: (name, deadLetter) =>
        boss.createQueue(name, { name, ...(deadLetter === undefined ? {} : { deadLetter }) }),
      deleteQueue: (name) => boss.deleteQueue(name),
      send: (name, options) => boss.send(name, {}, { retryLimit: 0, ...options }),
      fetch: async (name) => first(await boss.fetch(name)),
      complete: (name, id) => boss.complete(name, id),
      fail: (name, id) => boss.fail(name, id),
    };
  }
  // both are called in the same way
  const Called = version === 11 ? (PgBoss11 as unknown as typeof PgBoss12) : PgBoss12;
  const boss = new Called({ connectionString, ...quiet });
  return {
    start: () => boss.start(),
    stop: () => boss.stop({ graceful: false }),
    createQueue: (name, deadLetter) =>
      boss.createQueue(name, deadLetter === undefined ? {} : { deadLetter }),
    deleteQueue: (name) => boss.deleteQueue(name),
    send: (name, options) => boss.send(name, {}, { retryLimit: 0, ...options }),
    fetch: async (name) => first(await boss.fetch(name)),
    complete: (name, id) => boss.complete(name, id),
    fail: (name, id) => boss.fail(name, id),
  };
}

/** A look at all queues, at a second after the start of the test or later. */
async function look(db: TestDatabase, seconds: number): Promise<Record<string, unknown>> {
  await db.sql("select tocsin_internal.sample_queues(clock_timestamp() + $1 * interval '1 s')", [
    seconds,
  ]);
  return health(db, "orders");
}

async function health(db: TestDatabase, queue: string): Promise<Record<string, unknown>> {
  const rows = await db.sql(
    `select h.status::text, h.ready_count::int, h.delayed_count::int, h.in_flight_count::int,
       h.poison_count::int, h.dead_letter_count::int, h.error_rate, h.unknown,
       m.enqueued_count::int, m.finished_count::int, m.failed_count::int,
       h.wait_p50_seconds is not null as waits, h.processing_p95_seconds is not null as processes,
       h.last_read_at is not null as is_read, h.unknown_because
     from tocsin.queue_health h
     left join tocsin.queue_metrics m on m.kind = h.kind and m.queue_name = h.queue_name
       and m.sampled_at = h.sampled_at
     where h.kind = 'pgboss' and h.queue_name = $1`,
    [queue],
  );
  return rows[0] ?? {};
}

for (const version of [10, 11, 12]) {
  test(`pg-boss ${version}: jobs that wait, are delayed, active, completed and failed`, async () => {
    const db = await server.clone();
    const boss = openBoss(version, db.url());
    await boss.start();
    try {
      await boss.createQueue("orders-dead");
      await boss.createQueue("orders", "orders-dead");
      assert.equal((await look(db, 0))["status"], "idle");
      assert.deepEqual(
        await db.sql(`select queue_name, dead_letter_queue from tocsin.queues
          where kind = 'pgboss' and not is_ignored order by 1`),
        [
          { queue_name: "orders", dead_letter_queue: "orders-dead" },
          { queue_name: "orders-dead", dead_letter_queue: null },
        ],
        "found by themselves, its own left out",
      );

      for (let n = 0; n < 6; n++) await boss.send("orders");
      await boss.send("orders", { startAfter: 3600 });
      await boss.complete("orders", await boss.fetch("orders"));
      await boss.fail("orders", await boss.fetch("orders"));
      const retried = await boss.send("orders", { retryLimit: 3 });
      assert.ok(retried);
      await boss.fetch("orders");
      assert.deepEqual(await look(db, 10), {
        status: "healthy",
        ready_count: 4,
        delayed_count: 1,
        in_flight_count: 1,
        poison_count: 0,
        // the sample of the dead-letter queue is of the look before
        dead_letter_count: 0,
        error_rate: 0.5,
        unknown: [],
        enqueued_count: 8,
        finished_count: 2,
        failed_count: 1,
        waits: true,
        processes: true,
        is_read: true,
        unknown_because: null,
      });
      const later = await look(db, 20);
      assert.deepEqual(
        [later["dead_letter_count"], later["enqueued_count"], later["finished_count"]],
        [1, 0, 0],
        "a letter lies there, and nothing is counted twice",
      );
      assert.equal((await health(db, "orders-dead"))["status"], "idle");
    } finally {
      await boss.stop();
    }
    await db.drop();
  });

  test(`pg-boss ${version}: what is not known of a long queue is said, and an index mends it`, async () => {
    const db = await server.clone();
    const boss = openBoss(version, db.url());
    await boss.start();
    try {
      await boss.createQueue("orders");
      await look(db, 0);
      const table = (
        await db.sql<{ name: string }>(
          `select format('pgboss.%I', q.${version === 10 ? "partition_name" : "table_name"}) as name
           from pgboss.queue q where q.name = 'orders'`,
        )
      )[0]?.name;
      await db.sql(`insert into pgboss.job (name, state, created_on, started_on, completed_on)
        select 'orders', case when n % 10 = 0 then 'failed' else 'completed' end::pgboss.job_state,
          now() - interval '3 s', now() - interval '2 s', now() - interval '1 s'
        from generate_series(1, 5000) as n`);
      await boss.send("orders");
      const unknown = await look(db, 10);
      assert.equal(unknown["ready_count"], 1, "what waits is known");
      assert.match(String(unknown["unknown_because"]), /create index concurrently on pgboss\./);
      assert.deepEqual(
        [unknown["finished_count"], unknown["error_rate"], unknown["waits"]],
        [null, null, false],
      );
      assert.equal(unknown["in_flight_count"], version === 10 ? null : 0, "pg-boss's own count");

      await db.sql(`create index concurrently on ${table} (name, completed_on)`);
      // found within twenty minutes
      const known = await look(db, 21 * 60);
      assert.equal(known["unknown_because"], version === 10 ? UNCOUNTED : null);
      await db.sql(`insert into pgboss.job (name, state, created_on, started_on, completed_on)
        select 'orders', case when n % 10 = 0 then 'failed' else 'completed' end::pgboss.job_state,
          now() + interval '1263 s', now() + interval '1264 s', now() + interval '1265 s'
        from generate_series(1, 50) as n`);
      const indexed = await look(db, 21 * 60 + 10);
      assert.deepEqual(
        [indexed["finished_count"], indexed["failed_count"], indexed["error_rate"]],
        [50, 5, 0.1],
      );
      assert.deepEqual([indexed["waits"], indexed["processes"]], [true, true]);
    } finally {
      await boss.stop();
    }
    await db.drop();
  });
}

const UNCOUNTED = "pg-boss 10 does not count active jobs.";

test("a queue of pg-boss that is deleted is not told of any more", async () => {
  const db = await server.clone();
  const boss = openBoss(12, db.url());
  await boss.start();
  await boss.createQueue("orders");
  assert.equal((await look(db, 0))["status"], "idle");

  await boss.createQueue("letters");
  await db.sql("update pgboss.queue set dead_letter = 'letters' where name = 'orders'");
  await look(db, 10);
  const [queue] = await db.sql(
    "select dead_letter_queue, found_at from tocsin.queues where queue_name = 'orders'",
  );
  assert.equal(queue?.["dead_letter_queue"], "letters", "pg-boss says where its letters go");
  await boss.deleteQueue("orders");
  assert.deepEqual(await look(db, 20), {});
  await boss.stop();
  await db.drop();
});
