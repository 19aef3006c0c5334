// SERIALIZABLE: writers fail no more often with Tocsin than without it; a transaction that also
// reads the metrics fails more often, and how often is measured (docs/reference/metrics.md).

import assert from "node:assert/strict";
import { after, test } from "node:test";
import pg from "pg";
import { startTestDatabase, type TestDatabase } from "../dev/test/database.ts";

const server = await startTestDatabase();
after(() => server.stop());

type Writer = { client: pg.Client; random: () => number; isReading: boolean };
type Tally = { tried: number; failed: number };
type Kind = "unwatched" | "writes only" | "one of eight reads" | "each reads";

/** Repeatable, so that a table with Tocsin and one without it are given the same work. */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Some writers, each with transactions of this kind one after another; roll-ups all the while. */
async function write(
  db: TestDatabase,
  { writers, each }: { writers: number; each: number },
  work: (writer: Writer, index: number) => Promise<void>,
): Promise<{ readers: Tally; others: Tally }> {
  const tallies = { readers: { tried: 0, failed: 0 }, others: { tried: 0, failed: 0 } };
  let isWriting = true;
  const beating = (async () => {
    const heart = await db.connect();
    while (isWriting) await heart.query("select tocsin_internal.roll_up()");
  })();
  await Promise.all(
    Array.from({ length: writers }, async (_, seed) => {
      const client = await db.connect();
      const writer = { client, random: randomNumbers(seed + 1), isReading: false };
      for (let index = 0; index < each; index++) {
        let isFailed = false;
        try {
          await writer.client.query("begin isolation level serializable");
          await work(writer, seed * each + index);
          await writer.client.query("commit");
        } catch (error) {
          await writer.client.query("rollback");
          if (!(error instanceof pg.DatabaseError) || error.code !== "40001") throw error;
          isFailed = true;
        }
        const tally = writer.isReading ? tallies.readers : tallies.others;
        tally.tried += 1;
        tally.failed += isFailed ? 1 : 0;
      }
    }),
  );
  isWriting = false;
  await beating;
  return tallies;
}

const percent = ({ tried, failed }: Tally): string => `${((100 * failed) / tried).toFixed(1)} %`;

async function runTable({ isWatched = true, hasAttempts = false }): Promise<TestDatabase> {
  const db = await server.clone();
  await db.sql(`create table public.runs (id int primary key, flow text,
      status text not null default 'running', started_at timestamptz default now(),
      finished_at timestamptz);
    create table public.attempts (id int generated always as identity primary key, run_id int,
      kind text, at timestamptz default now(), payload jsonb default '{}');
    create index on public.attempts (run_id);
    insert into public.runs (id, flow) select n, 'f' || n % 50 from generate_series(1, 5000) n;
    insert into public.attempts (run_id, kind) select n, 'step_done' from generate_series(1, 5000) n`);
  await db.sql("vacuum analyze public.runs");
  await db.sql("vacuum analyze public.attempts");
  const attempts = `, "events": {"table": "public.attempts", "run_id": "run_id", "type": "kind",
    "failed_type": "step_failed", "payload": "payload", "at": "at"}`;
  if (isWatched) {
    await db.sql(`select tocsin.watch_runs('public.runs',
      p_options => '{"workflow_id": "flow"${hasAttempts ? attempts : ""}}')`);
  }
  return db;
}

const outcome = ({ random }: Writer): string => (random() < 0.3 ? "failed" : "succeeded");

/** A longer transaction meets a few more: half as many, and three standard deviations of luck. */
function assertNoMoreThan(beside: Tally, without: Tally): void {
  const luck = Math.max(10, 3 * Math.sqrt(without.failed + beside.failed));
  assert.ok(
    beside.failed <= 1.5 * without.failed + luck,
    `${percent(beside)}, ${percent(without)}`,
  );
}

test("writers that read nothing of their own never fail", async () => {
  const db = await runTable({ isWatched: true });
  const { others } = await write(db, { writers: 8, each: 100 }, async (writer, index) => {
    await writer.client.query(
      `insert into public.runs (id, flow, status, finished_at)
       values ($1, 'f', $2, clock_timestamp())`,
      [10_000 + index, outcome(writer)],
    );
  });
  assert.deepEqual(others, { tried: 800, failed: 0 });
  assert.deepEqual(await db.sql("select * from tocsin.reconcile('public.runs')"), []);
  await db.drop();
});

test("writers that fail for the host's sake fail no more often with Tocsin", async (t) => {
  // each looks at some run of another and ends one of its own, so that some collide anyway
  const rate = async (isWatched: boolean): Promise<Tally> => {
    const db = await runTable({ isWatched });
    const { others } = await write(db, { writers: 8, each: 250 }, async (writer, index) => {
      const other = 1 + Math.floor(writer.random() * 2000);
      await writer.client.query("select status from public.runs where id = $1", [other]);
      await writer.client.query(
        "update public.runs set status = $1, finished_at = clock_timestamp() where id = $2",
        [outcome(writer), 1 + index],
      );
    });
    if (isWatched) {
      assert.deepEqual(await db.sql("select * from tocsin.reconcile('public.runs')"), []);
    }
    await db.drop();
    return others;
  };
  const without = await rate(false);
  const beside = await rate(true);
  t.diagnostic(`without Tocsin ${percent(without)} fail, with it ${percent(beside)}`);
  assert.ok(without.failed > 0, "there is something to compare with");
  assertNoMoreThan(beside, without);
});

test("a writer that also reads the metrics fails more often, and is right when not", async (t) => {
  const metrics = `select coalesce(sum(success_count + failure_count), 0)::int as n
    from tocsin.workflow_run_metrics where workflow_id = $1`;
  const rate = async (kind: Kind): Promise<{ readers: Tally; others: Tally }> => {
    const isWatched = kind !== "unwatched";
    const db = await runTable({ isWatched });
    const tallies = await write(db, { writers: 8, each: 250 }, async (writer, index) => {
      writer.isReading = kind === "each reads" || (kind === "one of eight reads" && index < 250);
      if (writer.isReading) await writer.client.query(metrics, [`f${index % 50}`]);
      await writer.client.query(
        "update public.runs set status = $1, finished_at = clock_timestamp() where id = $2",
        [outcome(writer), 1 + index],
      );
    });
    if (isWatched) {
      assert.deepEqual(await db.sql("select * from tocsin.reconcile('public.runs')"), []);
    }
    await db.drop();
    for (const [who, tally] of Object.entries(tallies)) {
      if (tally.tried > 0) t.diagnostic(`${kind}: ${percent(tally)} of the ${who} fail`);
    }
    return tallies;
  };
  const without = await rate("unwatched");
  const writing = await rate("writes only");
  const one = await rate("one of eight reads");
  const each = await rate("each reads");
  assertNoMoreThan(writing.others, without.others);
  assert.ok(one.readers.failed > 0 && each.readers.failed > 10 * (1 + writing.others.failed / 10));
});

test("writers of a table that tells failures fail no more often with Tocsin", async (t) => {
  // an attempt is written while others end the run: the trigger looks at the run whose it is
  const rate = async (isWatched: boolean): Promise<Tally> => {
    const db = await runTable({ isWatched, hasAttempts: true });
    const { others } = await write(db, { writers: 8, each: 200 }, async (writer, index) => {
      if (index % 2 === 0) {
        await writer.client.query("select count(*) from public.runs where id = $1", [1 + index]);
        await writer.client.query(
          "insert into public.attempts (run_id, kind) values ($1, 'step_failed')",
          [1 + index],
        );
      } else {
        await writer.client.query("select count(*) from public.attempts where run_id = $1", [
          1 + index,
        ]);
        await writer.client.query(
          "update public.runs set status = $1, finished_at = clock_timestamp() where id = $2",
          [outcome(writer), 1 + index],
        );
      }
    });
    await db.drop();
    return others;
  };
  const without = await rate(false);
  const beside = await rate(true);
  t.diagnostic(`without Tocsin ${percent(without)} fail, with it ${percent(beside)}`);
  assertNoMoreThan(beside, without);
});
