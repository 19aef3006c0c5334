// The floor under run_outcomes: whatever writers do meanwhile, it never rises over a row that
// somebody will still see. See 20260101000760_floor.sql.

import assert from "node:assert/strict";
import { chownSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import pg from "pg";
import { applyMigrations, bootstrapDatabase, withClient } from "../dev/database.ts";
import { serverHome, serverUser } from "../dev/paths.ts";
import { startPostgres, superuser } from "../dev/postgres.ts";
import { startTestDatabase } from "../dev/test/database.ts";

const server = await startTestDatabase();
after(() => server.stop());

type Query = (text: string) => Promise<unknown>;

const table = `create table public.runs (id bigint primary key, flow text, status text,
  started_at timestamptz default now(), finished_at timestamptz default clock_timestamp())`;
const watch = `select tocsin.watch_runs('public.runs', p_options => '{"workflow_id": "flow"}')`;
const end = (first: number, last = first): string => `insert into public.runs (id, flow, status)
  select n, 'f' || n % 3, 'succeeded' from generate_series(${first}, ${last}) as n`;
const rollUp = "select tocsin_internal.roll_up()";

const numbers = `
  select (select floor from tocsin_internal.outcome_floor)::int as floor,
    (select last_value from tocsin_internal.run_outcomes_outcome_id_seq)::int as drawn,
    (select count(*) from tocsin_internal.run_outcomes)::int as pending,
    (select count(*) from public.runs)::int as runs,
    (select coalesce(sum(success_count), 0) from tocsin.workflow_run_metrics)::int as counted`;
type Numbers = { floor: number; drawn: number; pending: number; runs: number; counted: number };

/** How a transaction that drew the first id ends, after 25,000 others have come and gone. */
const endings: Record<string, { does: string[]; ends: string[]; counts: number }> = {
  commits: { does: [end(1)], ends: ["commit"], counts: 1 },
  "rolls back": { does: [end(1)], ends: ["rollback"], counts: 0 },
  "released a savepoint": {
    does: ["savepoint a", end(1), "release a"],
    ends: ["commit"],
    counts: 1,
  },
  "rolled back to a savepoint, and drew another": {
    does: ["savepoint a", end(1), "rollback to a", end(2)],
    ends: ["savepoint b", end(3), "rollback to b", "commit"],
    counts: 1,
  },
  "ends another run at last": { does: [end(1)], ends: [end(2), "commit"], counts: 2 },
};

for (const [name, { does, ends, counts }] of Object.entries(endings)) {
  test(`the floor waits for a transaction that ${name}`, async () => {
    const db = await server.clone();
    await db.sql(table);
    await db.sql(watch);
    const read = async (): Promise<Numbers> => (await db.sql<Numbers>(numbers))[0] as Numbers;
    const writer = await db.connect();
    await writer.query("begin");
    for (const statement of does) await writer.query(statement);
    for (let i = 1; i <= 3; i++) {
      await db.sql(end(i * 12_000, i * 12_000 + 11_999));
      await db.sql(rollUp);
      const { floor, counted } = await read();
      assert.ok(floor <= 1, `the floor is ${floor}`);
      assert.equal(counted, i * 12_000);
    }
    for (const statement of ends) await writer.query(statement);
    const ended = await read();
    assert.deepEqual([ended.pending, ended.counted], [counts, 36_000 + counts]);

    // one beat lets go of the old candidate, one may find a new one
    await db.sql(rollUp);
    await db.sql(rollUp);
    const last = await read();
    assert.equal(last.floor, last.drawn + 1);
    assert.deepEqual([last.pending, last.counted], [0, last.runs]);
    await db.drop();
  });
}

test("a writer that began after the look holds nothing up, however long it stays", async () => {
  const db = await server.clone();
  await db.sql(table);
  await db.sql(watch);
  const first = await db.connect();
  await first.query(`begin; ${end(1)}`);
  await db.sql(end(10, 12_009));
  await db.sql(rollUp);
  const second = await db.connect();
  await second.query(`begin; ${end(2)}`);
  await first.query("commit");
  await db.sql(rollUp);
  const [risen] = await db.sql<Numbers>(numbers);
  assert.equal(risen?.floor, 12_002, "to what had been drawn when it looked");
  await second.query("commit");
  await db.sql(rollUp);
  const [left] = await db.sql<Numbers>(numbers);
  assert.deepEqual([left?.pending, left?.counted], [0, 12_002]);
  await db.drop();
});

test("a transaction that keeps its snapshot sees the same total, and raises no floor", async () => {
  const db = await server.clone();
  await db.sql(table);
  await db.sql(watch);
  let runs = 0;
  for (const level of ["repeatable read", "serializable"]) {
    await db.sql(end(runs + 1, runs + 11_000));
    runs += 11_000;
    const reader = await db.connect();
    await reader.query(`begin isolation level ${level}`);
    const read = async (): Promise<Numbers> => {
      const { rows } = await reader.query<Numbers>(numbers);
      return { ...(rows[0] as Numbers), drawn: 0 }; // a sequence is outside of any snapshot
    };
    const before = await read();
    assert.deepEqual([before.pending, before.counted], [11_000, runs]);
    await db.sql(rollUp);
    const [now] = await db.sql<Numbers>(numbers);
    assert.deepEqual([now?.floor, now?.pending, now?.counted], [runs + 1, 0, runs]);
    assert.deepEqual(await read(), before);
    await db.sql(end(runs + 1, runs + 11_000));
    runs += 11_000;
    await reader.query("select tocsin_internal.raise_floor()");
    assert.deepEqual(await read(), before);
    await reader.query("commit");
    await db.sql(rollUp);
  }
  await db.drop();
});

test("the floor waits for a prepared transaction, also over a restart", async () => {
  const home = mkdtempSync(join(serverHome(), "floor-"));
  const user = serverUser();
  if (user) chownSync(home, user.uid, user.gid);
  const dataDir = join(home, "data");
  let postgres = await startPostgres({ dataDir, unsafe: true });
  try {
    await bootstrapDatabase(postgres.url(superuser));
    await applyMigrations(postgres.url());
    await withClient(postgres.url(superuser), (client) =>
      client.query("alter system set max_prepared_transactions = 5"),
    );
    await postgres.stop();
    postgres = await startPostgres({ dataDir, unsafe: true });
    const ask = (text: string): Promise<pg.QueryResult<Numbers>> =>
      withClient(postgres.url(), (client) => client.query<Numbers>(text));

    await ask(table);
    await ask(watch);
    const writer = new pg.Client({ connectionString: postgres.url() });
    await writer.connect();
    await writer.query(`begin; ${end(1)}`);
    await ask(end(10, 12_009));
    await ask(rollUp); // waits for the writer by the name it has now
    await writer.query("prepare transaction 'one'");
    await writer.query(`begin; ${end(2)}`);
    await writer.query("prepare transaction 'two'");
    await ask(rollUp);
    assert.equal((await ask(numbers)).rows[0]?.floor, 0);
    await writer.end();
    await postgres.stop("immediate");
    postgres = await startPostgres({ dataDir, unsafe: true });
    await ask(end(20_000, 32_000));
    await ask(rollUp);
    await ask("commit prepared 'two'");
    await ask(rollUp);
    assert.equal((await ask(numbers)).rows[0]?.floor, 0);
    await ask("commit prepared 'one'");
    const committed = (await ask(numbers)).rows[0];
    assert.deepEqual([committed?.pending, committed?.counted], [1, 24_003]);
    await ask(rollUp);
    await ask(rollUp);
    const last = (await ask(numbers)).rows[0];
    assert.deepEqual([last?.floor, last?.pending], [(last?.drawn ?? 0) + 1, 0]);
    assert.equal(last?.counted, 24_003);
  } finally {
    await postgres.stop();
    rmSync(home, { recursive: true, force: true });
  }
});

/** One writer: ends runs in transactions of any length, half of which leave something undone. */
const writing = (writer: number, round: number): string => `do $$
  declare
    v_id bigint := ${writer} * 1000000 + ${round} * 1000;
  begin
    for i in 1..30 loop
      v_id := v_id + 10;
      insert into public.runs (id, flow, status)
      select v_id + n, 'f' || n % 3, 'succeeded' from generate_series(0, floor(random() * 5)::int) as n;
      if random() < 0.3 then
        begin
          insert into public.runs (id, flow, status) values (v_id + 8, 'undone', 'failed');
          raise division_by_zero;
        exception when division_by_zero then null;
        end;
      end if;
      perform pg_sleep(case when random() < 0.05 then 0.1 else 0.004 * random() end);
      if random() < 0.5 then
        insert into public.runs (id, flow, status) values (v_id + 9, 'late', 'failed');
      end if;
      if random() < 0.2 then rollback; else commit; end if;
    end loop;
  end $$`;

/** In one snapshot: what lies below the floor, and how far the counters are from the table. */
const truth = `
  select (select count(*) from tocsin_internal.run_outcomes
      where outcome_id + 0 < (select floor from tocsin_internal.outcome_floor))::int as below,
    (select count(*) from public.runs)::int
      - (select coalesce(sum(success_count + failure_count), 0) from tocsin.workflow_run_metrics)::int
      as off,
    (select floor from tocsin_internal.outcome_floor)::int as floor`;

test("16 writers, roll-ups killed at random: nothing is ever below the floor", async (t) => {
  const db = await server.clone();
  await db.sql(table);
  await db.sql(watch);
  // the function as it is, but in steps that 16 writers take often
  const [source] = await db.sql<{ text: string }>(
    "select pg_get_functiondef('tocsin_internal.raise_floor'::regproc) as text",
  );
  const smaller = source?.text.replace("v_step constant int := 10000", "v_step constant int := 20");
  assert.notEqual(smaller, source?.text);
  await db.sql(smaller ?? "");

  let isWriting = true;
  let rollUps = 0;
  let kills = 0;
  let reads = 0;
  const floors = new Set<number>();
  const isEnough = (): boolean => kills > 5 && reads > 20 && floors.size > 10;
  const stopOnError = (error: unknown): never => {
    isWriting = false;
    throw error;
  };
  const rollingUp = async (): Promise<void> => {
    while (isWriting) {
      const client = new pg.Client({ connectionString: db.url() });
      client.on("error", () => undefined);
      await client.connect();
      try {
        for (; isWriting; rollUps++) await client.query(rollUp);
      } catch (error) {
        // terminated in the middle: the next session takes it up
        if (error instanceof pg.DatabaseError && error.code !== "57P01") stopOnError(error);
        kills += 1;
      } finally {
        await client.end().catch(() => undefined);
      }
    }
  };
  const killing = async (): Promise<void> => {
    for (let next = 0; isWriting;) {
      await new Promise((done) => setTimeout(done, 100 * Math.random()));
      // on a slow machine, too, some come to their end
      if (rollUps < next) continue;
      next = rollUps + Math.ceil(20 * Math.random());
      await db.superuser(`select pg_terminate_backend(pid) from pg_stat_activity
        where datname = '${db.name}' and query = '${rollUp}'
        order by random() limit 1`);
    }
  };
  const reading = async (): Promise<void> => {
    const client = await db.connect();
    const ask: Query = (text) => client.query(text);
    while (isWriting) {
      await ask("begin isolation level repeatable read");
      for (let i = 0; i < 2; i++) {
        const { rows } = await client.query<{ below: number; off: number; floor: number }>(truth);
        const row = rows[0];
        assert.deepEqual([row?.below, row?.off], [0, 0]);
        floors.add(row?.floor ?? 0);
        reads += 1;
        await new Promise((next) => setTimeout(next, 5));
      }
      await ask("commit");
    }
  };
  const others = [rollingUp(), rollingUp(), killing(), reading(), reading()].map((work) =>
    work.catch(stopOnError),
  );
  await Promise.all(
    Array.from({ length: 16 }, async (_, writer) => {
      const client = await db.connect();
      await client.query("set statement_timeout = 0");
      // until there was enough to see; a machine may be slow
      for (let round = 0; round < 100 && isWriting; round++) {
        await client.query(writing(writer + 1, round));
        if (round >= 3 && isEnough()) break;
      }
    }),
  );
  isWriting = false;
  await Promise.all(others);
  await db.sql(rollUp);

  assert.deepEqual(await db.sql("select * from tocsin.reconcile('public.runs')"), []);
  const [left] = await db.sql<Numbers>(numbers);
  assert.equal(left?.pending, 0);
  assert.ok(isEnough(), `${kills} kills, ${reads} looks, ${floors.size} floors`);
  t.diagnostic(`${left?.runs} runs, ${rollUps} roll-ups, ${kills} of them killed, ${reads} looks,
    ${floors.size} floors seen`);
  await db.drop();
});
