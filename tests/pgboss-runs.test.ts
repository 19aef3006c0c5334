// The preset pgboss on the schema that the real pg-boss makes, in each version that is supported:
// one command, and a job that has failed or took too long for good is told, once.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { PgBoss as PgBoss12 } from "pg-boss";
import PgBoss10 from "pg-boss-10";
import PgBoss11 from "pg-boss-11";
import { startTestDatabase, type TestDatabase } from "../dev/test/database.ts";

const server = await startTestDatabase();
after(() => server.stop());

type Boss = {
  start: () => Promise<unknown>;
  stop: () => Promise<unknown>;
  createQueue: (name: string) => Promise<unknown>;
  send: (name: string, retryLimit: number) => Promise<string | null>;
  fetch: (name: string) => Promise<unknown>;
  complete: (name: string, id: string) => Promise<unknown>;
  fail: (name: string, id: string, error: object) => Promise<unknown>;
  /** What pg-boss does by itself each minute: it ends jobs that took too long. */
  supervise: () => Promise<unknown>;
};

const quiet = { supervise: false, schedule: false, migrate: true };
const options = (retryLimit: number) => ({ retryLimit, retryDelay: 0, expireInSeconds: 60 });

function openBoss(version: number, connectionString: string): Boss {
  if (version === 10) {
    const boss = new PgBoss10({ connectionString, ...quiet });
    return {
      start: () => boss.start(),
      stop: () => boss.stop({ graceful: false, wait: true }),
      createQueue: (name) => boss.createQueue(name, { name }),
      send: (name, retryLimit) => boss.send(name, { secret: "kept" }, options(retryLimit)),
      fetch: (name) => boss.fetch(name),
      complete: (name, id) => boss.complete(name, id),
      fail: (name, id, error) => boss.fail(name, id, error),
      supervise: () => boss.expire(),
    };
  }
  // both are called in the same way
  const Called = version === 11 ? (PgBoss11 as unknown as typeof PgBoss12) : PgBoss12;
  const boss = new Called({ connectionString, ...quiet });
  return {
    start: () => boss.start(),
    stop: () => boss.stop({ graceful: false }),
    createQueue: (name) => boss.createQueue(name),
    send: (name, retryLimit) => boss.send(name, { secret: "kept" }, options(retryLimit)),
    fetch: (name) => boss.fetch(name),
    complete: (name, id) => boss.complete(name, id),
    fail: (name, id, error) => boss.fail(name, id, error),
    supervise: () => boss.supervise(),
  };
}

const beat = (db: TestDatabase): Promise<unknown> => db.sql("select from tocsin_internal.tick()");
const failures = (db: TestDatabase, id: string): Promise<Record<string, unknown>[]> =>
  db.sql("select workflow_id, message, error_type from tocsin.error_metrics where run_id = $1", [
    id,
  ]);

for (const version of [10, 11, 12]) {
  test(`jobs of pg-boss ${version} are runs`, async (t) => {
    const db = await server.clone();
    const boss = openBoss(version, db.url());
    await boss.start();
    try {
      await boss.createQueue("mail");
      const [source] = await db.sql<{ mapping: Record<string, unknown> }>(
        "select * from tocsin.watch_runs('pgboss.job', 'pgboss')",
      );
      assert.deepEqual(source?.mapping["failed"], ["failed"]);
      const start = async (queue: string, retryLimit: number): Promise<string> => {
        const id = (await boss.send(queue, retryLimit)) ?? assert.fail("not sent");
        await boss.fetch(queue);
        return id;
      };

      await t.test("a job that completes is counted, and nobody hears of it", async () => {
        const id = await start("mail", 0);
        await boss.complete("mail", id);
        await beat(db);
        assert.deepEqual(await failures(db, id), []);
      });

      await t.test("an attempt that fails is silent, the last one is told", async () => {
        const id = await start("mail", 1);
        await boss.fail("mail", id, { message: "try again" });
        await beat(db);
        assert.deepEqual(await failures(db, id), []);
        await boss.fetch("mail");
        await boss.fail("mail", id, {
          name: "TypeError",
          message: "token sk_live_51H8xyzABCDEFGHIJKLMN is refused",
        });
        await beat(db);
        const [failure, ...more] = await failures(db, id);
        assert.deepEqual(more, []);
        assert.equal(failure?.["workflow_id"], "mail");
        assert.match(String(failure?.["message"]), /is refused/);
        assert.doesNotMatch(JSON.stringify(failure), /sk_live|kept/);
      });

      await t.test("a job that takes too long is told as a time-out", async () => {
        const id = await start("mail", 0);
        await db.sql(
          "update pgboss.job set started_on = started_on - interval '1 hour' where id = $1",
          [id],
        );
        if (version > 10) {
          await db.sql("update pgboss.queue set monitor_on = null, maintain_on = null");
        }
        await boss.supervise();
        await beat(db);
        const [failure, ...more] = await failures(db, id);
        assert.deepEqual(more, []);
        assert.equal(failure?.["error_type"], "timeout", JSON.stringify(failure));
      });

      await t.test("a queue that is made later is watched as well", async () => {
        await boss.createQueue("later");
        const id = await start("later", 0);
        await boss.fail("later", id, { message: "boom" });
        await beat(db);
        assert.deepEqual(
          (await failures(db, id)).map((failure) => failure["message"]),
          ["boom"],
        );
      });

      assert.deepEqual(
        await db.sql(
          `select workflow_id, success_count::int, failure_count::int
           from tocsin.workflow_run_metrics where workflow_id !~ '^__' order by 1`,
        ),
        [
          { workflow_id: "later", success_count: 0, failure_count: 1 },
          { workflow_id: "mail", success_count: 1, failure_count: 2 },
        ],
      );
    } finally {
      await boss.stop();
    }
  });
}
