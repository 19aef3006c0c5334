// What it costs to look at queues: a beat's look at 100 of them, one of which holds five million
// messages; and what a queue's own work loses while all of them are looked at every second.
//
// The messages are made once. Beside the look stands what a user would otherwise ask:
// pgmq.metrics_all(), which counts every message.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import pg from "pg";
import { withClient } from "../dev/database.ts";
import { repository } from "../dev/paths.ts";
import type { Postgres } from "../dev/postgres.ts";
import {
  compare,
  cpuOf,
  type Options,
  type Result,
  type Sample,
  type Scenario,
  type Suite,
  withServer,
} from "./measure.ts";

const size = Math.min(1, Math.max(0.01, Number(process.env["TOCSIN_BENCH_SIZE"] ?? 1)));
const messages = Math.round(5_000_000 * size);
/** Tocsin's own four are among the hundred. */
const others = 95;

/** 95 queues with up to 200 messages each, with archives, and one that holds most of them. */
const prepare = `
  select pgmq.create('queue_' || n) from generate_series(1, ${others}) as n;
  select pgmq.create('long');
  select pgmq.create('work');
  do $$ begin
    for n in 1 .. ${others} loop
      perform pgmq.send_batch('queue_' || n,
        array(select '{"order": 4711, "to": "somebody"}'::jsonb from generate_series(1, n * 2)));
      perform pgmq.read('queue_' || n, 3600, n);
      perform pgmq.archive('queue_' || n, array(select generate_series(1, n / 2)::bigint));
    end loop;
  end $$;`;

const fill = `
  insert into pgmq.q_long (read_ct, enqueued_at, vt, message)
  select case when n % 10 = 0 then 1 else 0 end, at, at, '{"order": 4711, "to": "somebody"}'
  from generate_series(1, ${messages}) as n
  cross join lateral (select now() - interval '1 day' * (1 - n / ${messages}.0) as at) as t`;

const sample = (beat: number): string =>
  `select tocsin_internal.run_stage('sample_queues', clock_timestamp() + interval '10 s' * ${beat})`;

/** A statement's milliseconds, and those of CPU that its session took for it. */
async function time(client: pg.Client, pid: number, sql: string): Promise<Sample> {
  const cpuBefore = cpuOf(pid);
  const began = process.hrtime.bigint();
  await client.query(sql);
  const value = Number(process.hrtime.bigint() - began) / 1e6;
  return { value, cpu: (cpuOf(pid) - cpuBefore) * 1e6 };
}

type Connection = { client: pg.Client; pid: number };

async function connect(url: string): Promise<Connection> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const { rows } = await client.query<{ pid: number }>("select pg_backend_pid() as pid");
  return { client, pid: rows[0]?.pid ?? 0 };
}

function looks(url: string, nextBeat: () => number): Scenario {
  return {
    name: "look",
    description: `a beat's look at 100 queues, one of them with ${messages} messages`,
    unit: "ms",
    variants: ["tocsin", "new_session", "metrics_all"],
    judged: "new_session",
    budget: "<= 150 ms",
    rounds: 7,
    run: async (variant) => {
      const { client, pid } = await connect(url);
      try {
        await client.query("set statement_timeout = 0");
        // pg_cron opens a session for each beat, which knows no table yet
        if (variant === "tocsin") await client.query(sample(nextBeat()));
        return await time(
          client,
          pid,
          variant === "metrics_all" ? "select * from pgmq.metrics_all()" : sample(nextBeat()),
        );
      } finally {
        await client.end();
      }
    },
  };
}

/** Sends, reads and archives one message after the other, for as long as it says. */
async function work({ client, pid }: Connection, seconds: number): Promise<Sample> {
  const cpuBefore = cpuOf(pid);
  const began = process.hrtime.bigint();
  const took = (): number => Number(process.hrtime.bigint() - began) / 1e9;
  let count = 0;
  while (took() < seconds) {
    await client.query("select pgmq.send('work', '{\"order\": 4711}')");
    await client.query(
      "select pgmq.archive('work', msg_id) from pgmq.read('work', 30, 1) as message",
    );
    count += 1;
  }
  return { value: count / took(), cpu: ((cpuOf(pid) - cpuBefore) * 1e6) / count };
}

/** A second with a look in it beside one without, again and again: the machine changes meanwhile. */
function ownWork(
  name: string,
  description: string,
  worker: Connection,
  heart: Connection,
  nextBeat: () => number,
  isAlone: boolean,
): Scenario {
  let isReady = false;
  const prepareQueues = async (): Promise<void> => {
    if (isReady) return;
    isReady = true;
    await heart.client.query(
      `update tocsin.queues set is_ignored = ${isAlone} where queue_name <> 'work'`,
    );
    await heart.client.query(sample(nextBeat()));
  };
  return {
    name,
    description,
    unit: "messages/s",
    variants: ["unwatched", "sampled"],
    judged: "sampled",
    ...(isAlone ? { budget: ">= 0.99 of unwatched" } : {}),
    rounds: 25,
    run: async (variant) => {
      await prepareQueues();
      await work(worker, 0.1);
      const [measured] = await Promise.all([
        work(worker, 1),
        variant === "sampled" ? heart.client.query(sample(nextBeat())) : undefined,
      ]);
      return measured;
    },
  };
}

/** Beats as pg_cron makes them, each five seconds in a session of its own, and what the view says. */
function age(url: string): Scenario {
  return {
    name: "age",
    description: "how old the oldest figure in tocsin.queue_health gets, beating for 40 seconds",
    unit: "s",
    variants: ["tocsin"],
    budget: "about 10 s",
    rounds: 1,
    run: async () => {
      const { client } = await connect(url);
      const { rows } = await client.query<{ command: string }>(
        "select tocsin_internal.beat_command() as command",
      );
      const command = rows[0]?.command ?? "";
      const began = Date.now();
      let oldest = 0;
      for (let second = 0; second < 40; second += 0.5) {
        if (second % 5 === 0) {
          const heart = await connect(url);
          await heart.client.query(command);
          await heart.client.end();
        }
        const seen = await client.query<{ age: number }>(
          "select max(age_seconds) as age from tocsin.queue_health",
        );
        // the first beat of all finds the queues
        if (second > 10) oldest = Math.max(oldest, seen.rows[0]?.age ?? 0);
        const wait = began + second * 1000 + 500 - Date.now();
        await new Promise((resolve) => setTimeout(resolve, Math.max(0, wait)));
      }
      await client.end();
      return { value: oldest };
    },
  };
}

/** The plans of the look at the longest queue, and at one that nobody ever analyzed. */
async function showPlans(url: string): Promise<void> {
  const plans = await withClient(url, async (client) => {
    const shown: string[] = [];
    for (const queue of ["long", "queue_7"]) {
      const { rows } = await client.query<{ sql: string }>(
        "select tocsin_internal.pgmq_statement(tocsin_internal.shape_of_pgmq($1)) as sql",
        [queue],
      );
      await client.query("set enable_seqscan = off; set enable_bitmapscan = off");
      await client.query("set enable_sort = off; set jit = off");
      const sql = (rows[0]?.sql ?? "").replaceAll("$1", "now()").replaceAll("$2", "5");
      const plan = await client.query<{ "QUERY PLAN": string }>(
        `explain (analyze, buffers, costs off) ${sql}`,
      );
      shown.push(`-- ${queue}\n${plan.rows.map((row) => row["QUERY PLAN"]).join("\n")}`);
    }
    return shown.join("\n\n");
  });
  if (/Seq Scan|Removed by Filter/.test(plans))
    throw new Error(`A table is read from end to end:\n${plans}`);
  const directory = join(repository, "bench/results");
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, "queue-sampling-plans.txt"), `${plans}\n`);
}

async function measure(server: Postgres, options: Options): Promise<Result[]> {
  const url = server.url();
  await withClient(url, async (client) => {
    await client.query("set statement_timeout = 0");
    await client.query(prepare);
    await client.query("set maintenance_work_mem = '512MB'");
    await client.query("drop index pgmq.q_long_vt_idx");
    await client.query(fill);
    await client.query("create index q_long_vt_idx on pgmq.q_long (vt)");
    await client.query("vacuum (analyze) pgmq.q_long");
  });
  let beat = 0;
  const nextBeat = (): number => (beat += 1);
  // the others move the clock on
  const [worker, heart] = [await connect(url), await connect(url)];
  const results = await compare(
    [
      age(url),
      looks(url, nextBeat),
      ownWork(
        "own_work",
        "messages a second through a queue, while it is looked at every second",
        ...([worker, heart, nextBeat, true] as const),
      ),
      ownWork(
        "own_work_of_100",
        "the same, while all 100 queues are looked at every second",
        ...([worker, heart, nextBeat, false] as const),
      ),
    ],
    options,
  );
  await worker.client.end();
  await heart.client.end();
  await showPlans(url);
  return results;
}

export const queueSamplingSuite: Suite = {
  name: "queue-sampling",
  description: "what looking at 100 queues costs, one of them with five million messages",
  run: (options) => withServer((server) => measure(server, options)),
};
