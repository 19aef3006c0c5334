// What a long snapshot elsewhere in the database does: an hour's dump, during which 1,200,000 runs of
// 1,000 workflows end, 2 % of them in failure, and nothing that is deleted or updated can be vacuumed.
//
// The hour is made up: 720 beats with the time as their argument, with a vacuum where autovacuum would
// have come. Each variant has a database of its own, and is asked when its hour is over.

import pg from "pg";
import { withClient } from "../dev/database.ts";
import { superuser, type Postgres } from "../dev/postgres.ts";
import {
  compare,
  type Options,
  type Result,
  type Sample,
  type Scenario,
  type Suite,
  timeStatement,
  withServer,
  withSession,
} from "./measure.ts";

const variants = ["no_snapshot", "snapshot", "without_floor"];
const beats = Number(process.env["TOCSIN_BENCH_BEATS"] ?? 720);
const runsABeat = 1667;
const begins = "2026-06-01 12:00:00+00";

const prepare = `
  create table public.runs (id bigint primary key, project_id text, workflow_id text, status text,
    started_at timestamptz, finished_at timestamptz);
  select tocsin.watch_runs('public.runs');
  update tocsin_internal.counted_ranges set watched = '{(,)}', watched_since = '2020-01-01';
  create sequence public.run_ids;
  create procedure public.beat(p_first int, p_last int) language plpgsql as $$
  declare
    v_now timestamptz;
  begin
    for i in p_first..p_last loop
      v_now := timestamptz '${begins}' + i * interval '5 seconds';
      -- the k-th busiest workflow has the k-th part of the busiest one's runs, about
      insert into tocsin_internal.run_outcomes (source_id, run_id, project_id, workflow_id,
        outcome, sign, started_at, finished_at, captured_at)
      select 'runs', nextval('public.run_ids'), 'project-' || flow % 100, 'workflow-' || flow,
        case when n % 50 = 0 then 'failed' else 'succeeded' end, 1,
        at - interval '1 ms' * 10 * exp(8.7 * random()), at, at
      from (
        select n, floor(exp(random() * ln(1000)))::int as flow,
          v_now - interval '5 seconds' * random() as at
        from generate_series(1, ${runsABeat}) as n
      ) as made;
      commit;
      perform tocsin_internal.tick(v_now);
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
  "tocsin_internal.claimed_failures",
  "tocsin_internal.stages",
  "pgmq.q_tocsin_failures",
];

const questions: Record<string, { description: string; sql: string; unit?: string }> = {
  empty_beat: {
    description: "a roll-up that finds nothing",
    sql: "select tocsin_internal.roll_up('2026-06-01 13:00:30+00')",
  },
  read_failures: {
    description: "the stage that claims failures finds none in its queue",
    sql: "select tocsin_internal.claim_failures('2026-06-01 13:00:30+00')",
  },
  beat: {
    description: `a beat with ${runsABeat} outcomes, all its stages`,
    sql: "call public.beat(721, 721)",
  },
  all_workflows: {
    description: "workflow_run_metrics, all 1,000 workflows",
    sql: "select count(*), sum(success_count) from tocsin.workflow_run_metrics",
  },
  one_workflow: {
    description: "workflow_run_metrics of the busiest workflow",
    sql: "select * from tocsin.workflow_run_metrics where workflow_id = 'workflow-1'",
  },
  history: {
    description: "its last hour, by five minutes",
    sql: `select * from tocsin.run_metrics_history('2026-06-01 12:00+00', '2026-06-01 13:00+00',
      '5 minutes', p_workflow_id => 'workflow-1', p_now => '2026-06-01 13:00:30+00')`,
  },
  summary: {
    description: "the last day of all workflows",
    sql: `select count(*) from tocsin.run_metrics_summary('2026-05-31 13:00+00',
      '2026-06-01 13:00+00', p_now => '2026-06-01 13:00:30+00')`,
  },
};

async function makeDatabase(server: Postgres, variant: string): Promise<void> {
  await withClient(server.url(superuser, "template1"), async (client) => {
    await client.query(`create database ${variant} template postgres owner postgres`);
    await client.query(`grant all on database ${variant} to postgres`);
  });
  await withClient(server.url("postgres", variant), async (client) => {
    await client.query(prepare);
    if (variant !== "without_floor") return;
    await client.query(`create or replace function tocsin_internal.raise_floor(
      p_now timestamptz default clock_timestamp()) returns void language sql as ''`);
  });
}

/** The hour. Returns the session that keeps the snapshot. */
async function passAnHour(server: Postgres, variant: string): Promise<pg.Client> {
  const url = server.url("postgres", variant);
  const dump = new pg.Client({ connectionString: url });
  dump.on("error", () => undefined);
  await dump.connect();
  if (variant !== "no_snapshot") {
    await dump.query("begin isolation level repeatable read");
    await dump.query("select count(*) from tocsin_internal.run_buckets");
  }
  await withClient(url, async (client) => {
    await client.query("set statement_timeout = 0");
    for (let first = 1; first <= beats; first += 12) {
      await client.query(`call public.beat(${first}, ${Math.min(first + 11, beats)})`);
      for (const table of churning) await client.query(`vacuum (analyze) ${table}`);
    }
  });
  return dump;
}

async function tellSizes(server: Postgres, variant: string): Promise<void> {
  const sizes = await withClient(server.url("postgres", variant), (client) =>
    client.query<{ size: string }>(
      `
      select string_agg(format('%s %s', split_part(name, '.', 2),
        pg_size_pretty(pg_total_relation_size(name::regclass))), ', ') as size
      from unnest($1::text[]) as name`,
      [churning],
    ),
  );
  console.log(`  ${variant}: ${sizes.rows[0]?.size ?? ""}`);
}

const ask =
  (server: Postgres, sql: string): Scenario["run"] =>
  (variant): Promise<Sample> =>
    withSession(server.url("postgres", variant), async (session) => {
      await session.client.query("set jit = off");
      await session.client.query(sql);
      const took = await timeStatement(session, sql);
      return { value: took.ms, cpu: took.cpuMs * 1000 };
    });

async function run(server: Postgres, options: Options): Promise<Result[]> {
  for (const variant of variants) await makeDatabase(server, variant);
  const dumps: pg.Client[] = [];
  try {
    for (const variant of variants) {
      const began = Date.now();
      dumps.push(await passAnHour(server, variant));
      console.log(`  ${variant}: its hour took ${((Date.now() - began) / 1000).toFixed(0)} s`);
    }
    console.log("\nTables with their indexes, when the hour is over:");
    for (const variant of variants) await tellSizes(server, variant);
    return await compare(
      Object.entries(questions).map(([name, { description, sql }]) => ({
        name,
        description,
        unit: "ms",
        variants,
        run: ask(server, sql),
      })),
      options,
    );
  } finally {
    for (const dump of dumps) await dump.end();
  }
}

export const snapshotSuite: Suite = {
  name: "snapshot",
  description: "what a long snapshot elsewhere does to the roll-up and to reading",
  run: (options) => withServer((server) => run(server, options)),
};
