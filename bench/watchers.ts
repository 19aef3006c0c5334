// What it costs to watch pg_cron and pg_net: a beat's look with nothing new, beside a million rows in
// cron.job_run_details, and with much that is new. Beside it stands what a user would otherwise ask:
// which runs of the last seconds failed, for which there is no index.

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
const details = Math.round(1_000_000 * size);
const responses = Math.round(100_000 * size);

const prepare = `
  select cron.schedule('job ' || n, '*/5 * * * *', 'select 1') from generate_series(1, 100) as n;
  insert into cron.job_run_details (runid, jobid, username, command, status, return_message,
    start_time, end_time)
  select n, 10 + n % 100, 'postgres', 'select 1', 'succeeded', '1 row', at, at + interval '0.1 s'
  from generate_series(1, ${details}) as n
  cross join lateral (select now() - (${details} - n) * interval '1 s' as at) as t;
  insert into net._http_response (id, status_code, created)
  select n, 200, now() - (${responses} - n) * interval '0.2 s'
  from generate_series(1, ${responses}) as n;`;

const stages = ["watch_cron", "watch_webhooks"];
const stage = (name: string): string => `select tocsin_internal.run_stage('${name}')`;
const asked = `select jobid, return_message from cron.job_run_details
  where status = 'failed' and end_time > now() - interval '5 seconds'`;

async function connect(url: string): Promise<{ client: pg.Client; pid: number }> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const { rows } = await client.query<{ pid: number }>("select pg_backend_pid() as pid");
  return { client, pid: rows[0]?.pid ?? 0 };
}

/** The statements' milliseconds, and those of CPU that their session took for them. */
async function time(client: pg.Client, pid: number, statements: string[]): Promise<Sample> {
  const cpuBefore = cpuOf(pid);
  const began = process.hrtime.bigint();
  for (const sql of statements) await client.query(sql);
  const value = Number(process.hrtime.bigint() - began) / 1e6;
  return { value, cpu: (cpuOf(pid) - cpuBefore) * 1e6 };
}

function nothingNew(url: string): Scenario {
  return {
    name: "nothing_new",
    description: `a beat's look, beside ${details} rows in cron.job_run_details`,
    unit: "ms",
    variants: ["asked", "warm", "in_a_beat"],
    judged: "in_a_beat",
    budget: "<= 10 ms",
    rounds: 15,
    run: async (variant) => {
      const { client, pid } = await connect(url);
      try {
        if (variant === "asked") return await time(client, pid, [asked]);
        // pg_cron opens a session for each beat, and the stages before these have warmed it up
        const before = variant === "warm" ? stages : ["roll_up", "ingest", "close_windows"];
        for (const name of before) await client.query(stage(name));
        return await time(client, pid, stages.map(stage));
      } finally {
        await client.end();
      }
    },
  };
}

function muchNew(url: string): Scenario {
  let last = details;
  return {
    name: "much_new",
    description: "500 runs, ten of them failed, and 1,000 responses, ten of them failures",
    unit: "ms",
    variants: ["tocsin"],
    rounds: 7,
    run: async () => {
      const { client, pid } = await connect(url);
      try {
        await client.query(
          `insert into cron.job_run_details (runid, jobid, username, command, status,
             return_message, start_time, end_time)
           select $1 + n, 10 + n % 100, 'postgres', 'select 1',
             case when n % 50 = 0 then 'failed' else 'succeeded' end, 'ERROR: it failed', now(),
             now() from generate_series(1, 500) as n`,
          [last],
        );
        await client.query(
          `insert into net._http_response (id, status_code, content)
           select $1 + n, case when n % 100 = 0 then 500 else 200 end, 'sorry'
           from generate_series(1, 1000) as n`,
          [last],
        );
        last += 1000;
        return await time(client, pid, stages.map(stage));
      } finally {
        await client.end();
      }
    },
  };
}

/** The plans with which both are read. */
async function showPlans(url: string): Promise<void> {
  const plans = await withClient(url, async (client) => {
    await client.query("set enable_seqscan = off");
    const shown: string[] = [];
    for (const sql of [
      `select * from cron.job_run_details where runid > ${details * 2} order by runid limit 1000`,
      `select * from net._http_response where created >= now()
         and (created > now() or id > 0) order by created, id limit 1000`,
      "select id from net.http_request_queue where ctid < '(2048,0)'::tid limit 2000",
    ]) {
      const plan = await client.query<{ "QUERY PLAN": string }>(
        `explain (analyze, buffers, costs off) ${sql}`,
      );
      shown.push(`-- ${sql}\n${plan.rows.map((row) => row["QUERY PLAN"]).join("\n")}`);
    }
    return shown.join("\n\n");
  });
  if (plans.includes("Seq Scan")) throw new Error(`A table is read from end to end:\n${plans}`);
  const directory = join(repository, "bench/results");
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, "watchers-plans.txt"), `${plans}\n`);
}

async function measure(server: Postgres, options: Options): Promise<Result[]> {
  const url = server.url();
  await withClient(url, async (client) => {
    await client.query("set statement_timeout = 0");
    await client.query(prepare);
    await client.query("analyze");
    for (const name of stages) await client.query(stage(name));
  });
  const results = await compare([nothingNew(url), muchNew(url)], options);
  await showPlans(url);
  return results;
}

export const watchersSuite: Suite = {
  name: "watchers",
  description: "what watching cron jobs and database webhooks costs a beat",
  run: (options) => withServer((server) => measure(server, options)),
};
