// What a long snapshot elsewhere in the database does: an hour's dump, during which 1,200,000 runs end,
// and nothing that is deleted or updated meanwhile can be vacuumed.
//
// The hour is made up, step by step, with the time as an argument and a vacuum where autovacuum would
// have come. Each variant has a database of its own, and is asked when its hour is over.
// TOCSIN_BENCH_BEATS gives the second hour fewer beats than 720: 120 is one each half minute.

import pg from "pg";
import { withClient } from "../dev/database.ts";
import { superuser, type Postgres } from "../dev/postgres.ts";
import { compare, type Options, type Result, type Sample, type Scenario } from "./measure.ts";
import { type Suite, timeStatement, withServer, withSession } from "./measure.ts";

const begins = "2026-06-01 12:00:00+00";
const ends = "2026-06-01 13:00:00+00";
const beats = Number(process.env["TOCSIN_BENCH_BEATS"] ?? 720);
const runsABeat = 1667;

type Hour = {
  /** Its databases are named for it. */
  name: string;
  variants: string[];
  workflows: number;
  failures: number; // one in how many
  steps: number;
  runsAStep: number;
  /** How many steps there are between two visits of autovacuum. */
  vacuumsEach: number;
  questions: string[];
};

const hours: Hour[] = [
  {
    // much comes and goes, and little is counted: what becomes of the queues
    name: "queue",
    variants: ["no_snapshot", "snapshot", "without_floor"],
    workflows: 10,
    failures: 10,
    steps: 60,
    runsAStep: 20_000,
    vacuumsEach: 1,
    questions: ["empty_beat", "read_failures", "all_workflows", "one_workflow", "history"],
  },
  {
    // a beat each five seconds, each of which touches hundreds of workflows: of the counters
    name: "counters",
    variants: ["no_snapshot", "snapshot"],
    workflows: 1000,
    failures: 50,
    steps: beats,
    runsAStep: runsABeat,
    vacuumsEach: 12,
    questions: ["beat", "all_workflows", "one_workflow", "history", "summary"],
  },
];

const prepare = (hour: Hour): string => `
  create table public.runs (id bigint primary key, project_id text, workflow_id text, status text,
    started_at timestamptz, finished_at timestamptz);
  select tocsin.watch_runs('public.runs');
  update tocsin_internal.counted_ranges set watched = '{(,)}', watched_since = '2020-01-01';
  create sequence public.run_ids;
  create procedure public.step(p_first int, p_last int) language plpgsql as $$
  declare
    v_length constant interval := interval '1 hour' / ${hour.steps};
    v_now timestamptz;
  begin
    for i in p_first..p_last loop
      v_now := timestamptz '${begins}' + i * v_length;
      -- the k-th busiest workflow has the k-th part of the busiest one's runs, about
      insert into tocsin_internal.run_outcomes (source_id, run_id, project_id, workflow_id,
        outcome, sign, started_at, finished_at, captured_at)
      select 'runs', nextval('public.run_ids'), 'project-' || flow % 100, 'workflow-' || flow,
        case when n % ${hour.failures} = 0 then 'failed' else 'succeeded' end, 1,
        at - interval '1 ms' * 10 * exp(8.7 * random()), at, at
      from (
        select n, floor(exp(random() * ln(${hour.workflows})))::int as flow,
          v_now - v_length * random() as at
        from generate_series(1, ${hour.runsAStep}) as n
      ) as made;
      commit;
      perform tocsin_internal.roll_up(v_now);
      commit;
      -- as ingestion does, which stores what it takes
      perform pgmq.delete('tocsin_failures',
        array(select msg_id from pgmq.read('tocsin_failures', 30, 20000)));
      commit;
    end loop;
  end $$;`;

/** Where rows come and go. Autovacuum visits them each minute or so. */
const churning = [
  "tocsin_internal.run_outcomes",
  "tocsin_internal.outcome_floor",
  "tocsin_internal.run_totals",
  "tocsin_internal.run_minutes",
  "tocsin_internal.run_five_minutes",
  "tocsin_internal.run_quarter_hours",
  "tocsin_internal.run_days",
  "pgmq.q_tocsin_failures",
];

const questions: Record<string, { description: string; sql: string }> = {
  empty_beat: {
    description: "a roll-up that finds nothing",
    sql: `select tocsin_internal.roll_up('${ends}')`,
  },
  read_failures: {
    description: "looking for failures in their queue, where there are none",
    sql: "select * from pgmq.read('tocsin_failures', 30, 20000)",
  },
  beat: {
    description: `a beat with ${runsABeat} outcomes, appended and rolled up`,
    sql: `call public.step(${beats}, ${beats})`,
  },
  all_workflows: {
    description: "workflow_run_metrics, all workflows",
    sql: "select count(*), sum(success_count) from tocsin.workflow_run_metrics",
  },
  one_workflow: {
    description: "workflow_run_metrics of the busiest workflow",
    sql: "select * from tocsin.workflow_run_metrics where workflow_id = 'workflow-1'",
  },
  history: {
    description: "its last hour, by five minutes",
    sql: `select * from tocsin.run_metrics_history('${begins}', '${ends}',
      '5 minutes', p_workflow_id => 'workflow-1', p_now => '${ends}')`,
  },
  summary: {
    description: "the last day of all workflows",
    sql: `select count(*) from tocsin.run_metrics_summary('2026-05-31 13:00+00', '${ends}',
      p_now => '${ends}')`,
  },
};

const database = (hour: Hour, variant: string): string => `${hour.name}_${variant}`;

async function makeDatabase(server: Postgres, hour: Hour, variant: string): Promise<void> {
  const name = database(hour, variant);
  await withClient(server.url(superuser, "template1"), async (client) => {
    await client.query(`create database ${name} template postgres owner postgres`);
    await client.query(`grant all on database ${name} to postgres`);
  });
  await withClient(server.url("postgres", name), async (client) => {
    await client.query(prepare(hour));
    if (variant !== "without_floor") return;
    await client.query(`create or replace function tocsin_internal.raise_floor(
      p_now timestamptz default clock_timestamp()) returns void language sql as ''`);
  });
}

/** The hour. Returns the session that keeps the snapshot. */
async function passAnHour(server: Postgres, hour: Hour, variant: string): Promise<pg.Client> {
  const url = server.url("postgres", database(hour, variant));
  const dump = new pg.Client({ connectionString: url });
  dump.on("error", () => undefined);
  await dump.connect();
  if (variant !== "no_snapshot") {
    await dump.query("begin isolation level repeatable read");
    await dump.query("select count(*) from tocsin_internal.run_buckets");
  }
  await withClient(url, async (client) => {
    await client.query("set statement_timeout = 0");
    for (let first = 1; first <= hour.steps; first += hour.vacuumsEach) {
      const last = Math.min(first + hour.vacuumsEach - 1, hour.steps);
      await client.query(`call public.step(${first}, ${last})`);
      for (const table of churning) await client.query(`vacuum (analyze) ${table}`);
    }
  });
  return dump;
}

async function tellSizes(server: Postgres, hour: Hour, variant: string): Promise<void> {
  await withClient(server.url("postgres", database(hour, variant)), async (client) => {
    const { rows } = await client.query<{ size: string }>(
      `select string_agg(format('%s %s', split_part(name, '.', 2),
        pg_size_pretty(pg_total_relation_size(name::regclass))), ', ') as size
      from unnest($1::text[]) as name`,
      [churning],
    );
    console.log(`  ${variant}: ${rows[0]?.size ?? ""}`);
  });
}

const ask =
  (server: Postgres, hour: Hour, sql: string): Scenario["run"] =>
  (variant): Promise<Sample> =>
    withSession(server.url("postgres", database(hour, variant)), async (session) => {
      await session.client.query("set jit = off");
      await session.client.query(sql);
      const took = await timeStatement(session, sql);
      return { value: took.ms, cpu: took.cpuMs * 1000 };
    });

async function compareHour(server: Postgres, hour: Hour, options: Options): Promise<Result[]> {
  console.log(`\n${hour.name}: ${hour.steps * hour.runsAStep} runs of ${hour.workflows} workflows`);
  const dumps: pg.Client[] = [];
  try {
    for (const variant of hour.variants) {
      await makeDatabase(server, hour, variant);
      const began = Date.now();
      dumps.push(await passAnHour(server, hour, variant));
      console.log(`  ${variant}: made in ${((Date.now() - began) / 1000).toFixed(0)} s`);
    }
    console.log("  Tables with their indexes, when the hour is over:");
    for (const variant of hour.variants) await tellSizes(server, hour, variant);
    const scenarios = hour.questions.map((name): Scenario => {
      const { description, sql } = questions[name] ?? { description: "", sql: "" };
      return {
        name: `${hour.name}_${name}`,
        description,
        unit: "ms",
        variants: hour.variants,
        run: ask(server, hour, sql),
      };
    });
    return await compare(scenarios, { ...options, only: [] });
  } finally {
    for (const dump of dumps) await dump.end();
  }
}

export const snapshotSuite: Suite = {
  name: "snapshot",
  description: "what a long snapshot elsewhere does to the roll-up, to queues and to reading",
  run: (options) =>
    withServer(async (server) => {
      const results: Result[] = [];
      for (const hour of hours) {
        // the two hours take long to make: only those that are asked for
        if (options.only.length > 0 && !options.only.includes(hour.name)) continue;
        results.push(...(await compareHour(server, hour, options)));
      }
      return results;
    }),
};
