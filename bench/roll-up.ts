// How fast appended outcomes are counted, against a counter row that is updated for each run and
// against one grouped upsert into one table, which know neither times nor durations.

import { withClient } from "../dev/database.ts";
import { compare, type Sample, type Scenario, type Session, type Suite } from "./measure.ts";
import { timeStatement, withServer, withSession } from "./measure.ts";

const variants = ["counter_row", "grouped_upsert", "tocsin"];

const prepare = `
  create table public.runs (id bigint primary key, project_id text, workflow_id text, status text,
    started_at timestamptz, finished_at timestamptz);
  select tocsin.watch_runs('public.runs');
  update tocsin_internal.counted_ranges set watched = '{(,)}', watched_since = '2020-01-01';
  create table public.counters (
    workflow_id text primary key, success_count bigint not null, failure_count bigint not null,
    last_updated timestamptz
  ) with (fillfactor = 70);
  alter table tocsin_internal.run_outcomes set (autovacuum_enabled = off)`;

/** Outcomes as triggers append them: a run in fifty failed, durations from 10 ms to a minute. */
const append = (count: number, workflows: number, span: string): string => `
  insert into tocsin_internal.run_outcomes
    (source_id, run_id, project_id, workflow_id, outcome, sign, started_at, finished_at, captured_at)
  select 'runs', n::text, 'project-' || flow % 100, 'workflow-' || flow,
    case when n % 50 = 0 then 'failed' else 'succeeded' end, 1,
    at - interval '1 ms' * (10 * exp(8.7 * ((n * 7919) % 1000) / 1000.0)), at, at
  from (
    select n, (n * 104729) % ${workflows} as flow,
      now() - interval '${span}' * (1 - n / ${count}.0) as at
    from generate_series(1::bigint, ${count}) as n
  ) as made`;

const work: Record<string, string> = {
  // as a trigger would do it, but without the runs, and in one session that waits for nobody
  counter_row: `do $$
    declare v record;
    begin
      for v in select workflow_id, outcome from tocsin_internal.run_outcomes limit 1000 loop
        insert into public.counters as c
        values (v.workflow_id, (v.outcome = 'succeeded')::int, (v.outcome = 'failed')::int, now())
        on conflict (workflow_id) do update set
          success_count = c.success_count + excluded.success_count,
          failure_count = c.failure_count + excluded.failure_count, last_updated = now();
        commit;
      end loop;
    end $$`,
  grouped_upsert: `
    with taken as (delete from tocsin_internal.run_outcomes returning workflow_id, outcome)
    insert into public.counters as c
    select workflow_id, count(*) filter (where outcome = 'succeeded'),
      count(*) filter (where outcome = 'failed'), now()
    from taken group by workflow_id
    on conflict (workflow_id) do update set
      success_count = c.success_count + excluded.success_count,
      failure_count = c.failure_count + excluded.failure_count, last_updated = now()`,
};

async function prepareRound(url: string, count: number, workflows: number): Promise<void> {
  await withClient(url, async (client) => {
    await client.query("set statement_timeout = 0");
    await client.query("truncate tocsin_internal.run_outcomes, pgmq.q_tocsin_failures");
    // the buckets are there already, as they are in the second beat of a minute
    await client.query(append(workflows, workflows, "1 minute"));
    await client.query("select tocsin_internal.roll_up()");
    await client.query("truncate tocsin_internal.run_outcomes, pgmq.q_tocsin_failures");
    await client.query(append(count, workflows, "10 seconds"));
    await client.query("vacuum analyze tocsin_internal.run_outcomes");
    await client.query("vacuum tocsin_internal.run_buckets, public.counters");
    await client.query("checkpoint").catch(() => undefined);
  });
}

/** Rolls up until nothing is left, as beat follows beat. */
async function drain(session: Session): Promise<{ ms: number; cpuMs: number; beats: number }> {
  const sum = { ms: 0, cpuMs: 0, beats: 0 };
  for (;;) {
    const took = await timeStatement(session, "select tocsin_internal.roll_up()");
    sum.ms += took.ms;
    sum.cpuMs += took.cpuMs;
    sum.beats += 1;
    const { rows } = await session.client.query<{ none: boolean }>(
      "select not exists (select from tocsin_internal.run_outcomes) as none",
    );
    if (rows[0]?.none === true) return sum;
  }
}

const rate = (count: number, took: { ms: number; cpuMs: number }): Sample => ({
  value: count / (took.ms / 1000),
  cpu: (took.cpuMs * 1000) / count,
});

const counting =
  (count: number, workflows: number) =>
  (url: string): Scenario["run"] =>
  async (variant) => {
    await prepareRound(url, count, workflows);
    return withSession(url, async (session) => {
      // plans are made before the clock starts, as in a heart that beats
      await session.client.query("select tocsin_internal.roll_up(now()) where false");
      if (variant === "tocsin") return rate(count, await drain(session));
      const counted = variant === "counter_row" ? Math.min(count, 1000) : count;
      return rate(counted, await timeStatement(session, work[variant] ?? ""));
    });
  };

type Case = Omit<Scenario, "run" | "variants"> & {
  variants?: string[];
  run: (url: string) => Scenario["run"];
};

const cases: Case[] = [
  {
    name: "one_workflow",
    description: "100,000 outcomes of one workflow",
    unit: "outcomes/s",
    budget: ">= 50,000/s on one core",
    run: counting(100_000, 1),
  },
  {
    name: "hundred",
    description: "100,000 outcomes of 100 workflows",
    unit: "outcomes/s",
    budget: ">= 50,000/s on one core",
    run: counting(100_000, 100),
  },
  {
    name: "thousand",
    description: "100,000 outcomes of 1,000 workflows",
    unit: "outcomes/s",
    budget: ">= 50,000/s on one core",
    run: counting(100_000, 1000),
  },
  {
    name: "ten_thousand",
    description: "100,000 outcomes of 10,000 workflows",
    unit: "outcomes/s",
    run: counting(100_000, 10_000),
  },
  {
    name: "one_each",
    description: "10,000 outcomes of 10,000 workflows: nothing to put together",
    unit: "outcomes/s",
    run: counting(10_000, 10_000),
  },
  {
    name: "empty",
    description: "a beat that finds nothing",
    unit: "ms",
    variants: ["tocsin"],
    run: (url) => async () =>
      withSession(url, async (session) => {
        await session.client.query("truncate tocsin_internal.run_outcomes");
        await session.client.query("select tocsin_internal.roll_up()");
        const took = await timeStatement(session, "select tocsin_internal.roll_up()");
        return { value: took.ms, cpu: took.cpuMs * 1000 };
      }),
  },
  {
    name: "drain",
    description: "1,000,000 outcomes of 1,000 workflows, pending since an hour",
    unit: "s",
    budget: "<= 20 s",
    variants: ["tocsin"],
    rounds: 3,
    run: (url) => async () => {
      const count = 1_000_000;
      await withClient(url, async (client) => {
        await client.query("set statement_timeout = 0");
        await client.query(`truncate tocsin_internal.run_outcomes, pgmq.q_tocsin_failures,
          tocsin_internal.run_buckets`);
        await client.query(append(count, 1000, "1 hour"));
        await client.query("vacuum analyze tocsin_internal.run_outcomes");
        await client.query("checkpoint").catch(() => undefined);
      });
      return withSession(url, async (session) => {
        const took = await drain(session);
        console.log(`  ${took.beats} beats, ${(took.cpuMs / 1000).toFixed(1)} s of CPU`);
        return { value: took.ms / 1000, cpu: (took.cpuMs * 1000) / count };
      });
    },
  },
];

export const rollUpSuite: Suite = {
  name: "roll-up",
  description: "how fast appended outcomes are counted",
  run: (options) =>
    withServer(async (server) => {
      await withClient(server.url(), (client) => client.query(prepare));
      return compare(
        cases.map((one) => ({ variants, ...one, run: one.run(server.url()) })),
        options,
      );
    }),
};
