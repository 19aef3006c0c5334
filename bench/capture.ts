// What a watched run table costs its writers, against the same table untouched and against the
// counter row that a trigger would update for each finished run.

import { randomUUID } from "node:crypto";
import type pg from "pg";
import { withClient } from "../dev/database.ts";
import {
  compare,
  type Sample,
  type Scenario,
  type Session,
  type Suite,
  timeSessions,
  withServer,
} from "./measure.ts";

const variants = ["untouched", "tocsin", "counter_row"];
// what any trigger would cost: the least that appends a row, and one for each statement
const withBare = [...variants, "bare_append"];
const withOthers = [...withBare, "per_statement"];
const guardVariants = ["untouched", "unguarded", "guarded"];

/** The id of the n-th run. */
const id = (n: string): string =>
  `('00000000-0000-4000-8000-' || lpad((${n})::text, 12, '0'))::uuid`;
const project = "7b6f0c1e-2f3a-4d55-9c1d-0a4b8f1c2d3e";
const workflow = "11111111-aaaa-4000-8000-000000000001";

/**
 * The same run table several times, with the columns, indexes, foreign keys and trigger that
 * MeshHook's has. One is watched, one updates a counter row as a sketch would; two append to a table
 * like Tocsin's, with no care for what may go wrong: they show what is physics.
 */
async function createTables(client: pg.Client): Promise<void> {
  await client.query(`
    create table public.projects (id uuid primary key);
    create table public.workflow_definitions (id uuid primary key);
    insert into public.projects values ('${project}');
    insert into public.workflow_definitions values ('${workflow}');
    create function public.update_updated_at_column() returns trigger language plpgsql as $$
      begin new.updated_at = now(); return new; end $$;`);
  for (const variant of withOthers) {
    await client.query(`
      create table public.runs_${variant} (
        id uuid primary key,
        project_id uuid not null default '${project}' references public.projects (id),
        workflow_id uuid not null default '${workflow}'
          references public.workflow_definitions (id),
        status text not null default 'running'
          check (status in ('running', 'succeeded', 'failed', 'paused', 'canceled')),
        started_at timestamptz not null default now(),
        finished_at timestamptz,
        created_at timestamptz not null default now(),
        updated_at timestamptz not null default now()
      ) with (autovacuum_enabled = off);
      create index on public.runs_${variant} (project_id);
      create index on public.runs_${variant} (workflow_id);
      create index on public.runs_${variant} (status);
      create index on public.runs_${variant} (project_id, started_at desc);
      create trigger touch before update on public.runs_${variant}
        for each row execute function public.update_updated_at_column();`);
  }
  await client.query("select tocsin.watch_runs('public.runs_tocsin')");
  await client.query(`
    create table public.run_counters (
      workflow_id uuid primary key, success_count int default 0, failure_count int default 0,
      last_updated timestamptz
    );
    create function public.count_run() returns trigger language plpgsql as $$
    begin
      if new.status in ('succeeded', 'failed') and old.status is distinct from new.status then
        insert into public.run_counters as c values (new.workflow_id,
          (new.status = 'succeeded')::int, (new.status = 'failed')::int, now())
        on conflict (workflow_id) do update set
          success_count = c.success_count + excluded.success_count,
          failure_count = c.failure_count + excluded.failure_count, last_updated = now();
      end if;
      return null;
    end $$;
    create trigger count_run after update on public.runs_counter_row
      for each row execute function public.count_run();

    create table public.appended (like tocsin_internal.run_outcomes including all)
      with (autovacuum_enabled = off);
    create function public.append_run() returns trigger language plpgsql as $$
    begin
      if new.status in ('succeeded', 'failed') and old.status is distinct from new.status then
        insert into public.appended
          (source_id, run_id, project_id, workflow_id, outcome, sign, started_at, finished_at)
        values ('runs', new.id, new.project_id, new.workflow_id, new.status, 1, new.started_at,
          new.finished_at);
      end if;
      return null;
    end $$;
    create trigger append_run after update on public.runs_bare_append
      for each row execute function public.append_run();
    create function public.append_runs() returns trigger language plpgsql as $$
    begin
      insert into public.appended
        (source_id, run_id, project_id, workflow_id, outcome, sign, started_at, finished_at)
      select 'runs', n.id, n.project_id, n.workflow_id, n.status, 1, n.started_at, n.finished_at
      from now_there n join there_before o on o.id = n.id
      where n.status in ('succeeded', 'failed') and o.status is distinct from n.status;
      return null;
    end $$;
    create trigger append_runs after update on public.runs_per_statement
      referencing new table as now_there old table as there_before
      for each statement execute function public.append_runs();`);
}

/** Two triggers that compare a status as the generated ones do: one guards its reading, one not. */
async function createGuardTables(client: pg.Client): Promise<void> {
  for (const variant of guardVariants) {
    await client.query(`create table public.runs_guard_${variant} (
      id bigint generated always as identity primary key, status text default 'running',
      heartbeat int default 0) with (autovacuum_enabled = off)`);
    if (variant === "untouched") continue;
    const read = "if new.status = old.status then return null; end if;";
    const guarded = `begin ${read} exception when others then return null; end;`;
    await client.query(`
      create function public.read_${variant}() returns trigger
      language plpgsql security definer set search_path = '' as $$
      begin ${variant === "guarded" ? guarded : read} return null; end $$;
      create trigger read_run after update on public.runs_guard_${variant}
        for each row execute function public.read_${variant}()`);
  }
}

/** Empties the tables and what Tocsin has pending, so that each round begins alike. */
async function begin(url: string, variant: string, runs: number): Promise<void> {
  await withClient(url, async (client) => {
    await client.query(`truncate public.runs_${variant}`);
    await client.query(
      "truncate public.run_counters, public.appended, tocsin_internal.run_outcomes",
    );
    await client.query(`insert into public.runs_${variant} (id)
      select ${id("n")} from generate_series(1, ${runs}) as n`);
    await client.query(`vacuum analyze public.runs_${variant}`);
    await client.query("checkpoint").catch(() => undefined);
  });
}

type Run = (url: string) => Scenario["run"];

const perSecond = (count: number, took: { seconds: number; cpu: number }): Sample => ({
  value: count / took.seconds,
  cpu: (took.cpu / count) * 1e6,
});

/**
 * Sessions that loop inside the server: the harshest ratio, since no client's time is in it. Each
 * warms up with runs of its own, since a session compiles a trigger when it first meets it.
 */
function inServer(
  shape: { sessions: number; each: number; commits?: boolean },
  body: (table: string, run: string) => string,
  unit: "per second" | "us" = "per second",
): Run {
  const warming = 10;
  const all = shape.each + warming;
  const loop = (table: string, session: Session, from: number, to: number): string =>
    `do $$ begin for i in ${from}..${to} loop
       ${body(table, id(`${session.number * all} + i`))}
       ${shape.commits === false ? "" : "commit;"}
     end loop; end $$`;
  return (url) => async (variant) => {
    const table = `public.runs_${variant}`;
    const count = shape.sessions * shape.each;
    await begin(url, variant, shape.sessions * all);
    const took = await timeSessions(
      url,
      shape.sessions,
      (session) => session.client.query(loop(table, session, warming + 1, all)),
      (session) => session.client.query(loop(table, session, 1, warming)),
    );
    return unit === "us"
      ? { value: (took.seconds / count) * 1e6, cpu: (took.cpu / count) * 1e6 }
      : perSecond(count, took);
  };
}

/** Clients that send each statement and wait for its answer, as workers do. */
function fromClients(
  shape: { sessions: number; each: number; existing: number },
  work: (client: pg.Client, table: string, session: number, i: number) => Promise<unknown>,
): Run {
  return (url) => async (variant) => {
    await begin(url, variant, shape.existing);
    const repeat =
      (from: number, to: number) =>
      async ({ client, number }: Session): Promise<void> => {
        for (let i = from; i <= to; i++) await work(client, `public.runs_${variant}`, number, i);
      };
    const took = await timeSessions(
      url,
      shape.sessions,
      repeat(1, shape.each),
      repeat(shape.each + 1, shape.each + 10),
    );
    return perSecond(shape.sessions * shape.each, took);
  };
}

/** One statement over many runs, in a session that has met the table before. */
function statement(runs: number, sql: (table: string) => string): Run {
  return (url) => async (variant) => {
    const table = `public.runs_${variant}`;
    await begin(url, variant, runs + 10);
    const took = await timeSessions(
      url,
      1,
      ({ client }) => client.query(`${sql(table)} where id > ${id("10")}`),
      ({ client }) => client.query(`${sql(table)} where id <= ${id("10")}`),
    );
    return { value: took.seconds * 1000, cpu: (took.cpu / runs) * 1e6 };
  };
}

/** The first run that a session ends: it compiles the trigger and plans what is in it. */
const firstRun: Run = (url) => async (variant) => {
  const sessions = 20;
  await begin(url, variant, sessions);
  let seconds = 0;
  let cpu = 0;
  for (let session = 1; session <= sessions; session++) {
    const took = await timeSessions(url, 1, ({ client }) =>
      client.query(`update public.runs_${variant} set status = 'succeeded', finished_at = now()
        where id = ${id(String(session))}`),
    );
    seconds += took.seconds;
    cpu += took.cpu;
  }
  return { value: (seconds / sessions) * 1e6, cpu: (cpu / sessions) * 1e6 };
};

const finish = (status: string) => (table: string, run: string) =>
  `update ${table} set status = '${status}', finished_at = clock_timestamp() where id = ${run};`;

const scenarios: (Omit<Scenario, "run" | "variants"> & { run: Run; variants?: string[] })[] = [
  {
    name: "contention",
    variants: withBare,
    description: "32 writers finishing runs of one workflow, each transaction held open 5 ms",
    unit: "runs/s",
    budget: ">= 0.95 of untouched",
    run: inServer(
      { sessions: 32, each: 100 },
      (table, run) => `${finish("succeeded")(table, run)} perform pg_sleep(0.005);`,
    ),
  },
  {
    name: "few_writers",
    variants: withBare,
    description: "the same with 4 writers, whom two cores can serve",
    unit: "runs/s",
    run: inServer(
      { sessions: 4, each: 300 },
      (table, run) => `${finish("succeeded")(table, run)} perform pg_sleep(0.005);`,
    ),
  },
  {
    name: "short_run",
    description: "8 clients: insert a run, then update it to succeeded",
    unit: "runs/s",
    budget: ">= 0.95 of untouched",
    run: fromClients({ sessions: 8, each: 400, existing: 0 }, async (client, table) => {
      const run = randomUUID();
      await client.query({
        name: "begin_run",
        text: `insert into ${table} (id) values ($1)`,
        values: [run],
      });
      await client.query({
        name: "end_run",
        text: `update ${table} set status = 'succeeded', finished_at = now() where id = $1`,
        values: [run],
      });
    }),
  },
  {
    name: "no_end",
    description: "8 clients: an update that ends no run",
    unit: "updates/s",
    budget: ">= 0.95 of untouched",
    run: fromClients({ sessions: 8, each: 800, existing: 800 }, (client, table, session, i) =>
      client.query({
        name: "beat",
        text: `update ${table} set started_at = now() where id = ${id("$1")}`,
        values: [session * 100 + 1 + (i % 100)],
      }),
    ),
  },
  {
    name: "no_end_in_server",
    variants: withOthers,
    description: "8 sessions looping in the server: an update that ends no run",
    unit: "updates/s",
    run: inServer(
      { sessions: 8, each: 1500 },
      (table, run) => `update ${table} set started_at = now() where id = ${run};`,
    ),
  },
  {
    name: "bulk_finish",
    variants: withOthers,
    description: "one UPDATE that finishes 10,000 runs",
    unit: "ms",
    budget: "<= 1.5 of untouched",
    run: statement(
      10_000,
      (table) => `update ${table} set status = 'succeeded', finished_at = now()`,
    ),
  },
  {
    name: "bulk_fail",
    description: "one UPDATE that fails 10,000 runs",
    unit: "ms",
    budget: "<= 1.5 of untouched",
    run: statement(10_000, (table) => `update ${table} set status = 'failed', finished_at = now()`),
  },
  {
    name: "failing_statement",
    variants: withOthers,
    description: "one session: a transaction that fails one run",
    unit: "us",
    budget: "<= 50 us more than untouched",
    run: inServer({ sessions: 1, each: 3000 }, finish("failed"), "us"),
  },
  {
    name: "failing_in_one",
    description: "one session: an UPDATE that fails one run, many in one transaction",
    unit: "us",
    budget: "<= 50 us more than untouched",
    run: inServer({ sessions: 1, each: 3000, commits: false }, finish("failed"), "us"),
  },
  {
    name: "first_run",
    description: "the first run that a new session ends",
    unit: "us",
    run: firstRun,
  },
  {
    name: "guard",
    description: "a row's share of an UPDATE of 20,000 runs, read in a guard and without one",
    unit: "us",
    variants: guardVariants,
    run: (url) => async (variant) => {
      const runs = 20_000;
      const table = `public.runs_guard_${variant}`;
      await withClient(url, async (client) => {
        await client.query(`truncate ${table} restart identity`);
        await client.query(`insert into ${table} (status)
          select 'running' from generate_series(1, ${runs})`);
      });
      const took = await timeSessions(
        url,
        1,
        ({ client }) => client.query(`update ${table} set heartbeat = heartbeat + 1 where id > 10`),
        ({ client }) => client.query(`update ${table} set heartbeat = 1 where id <= 10`),
      );
      return { value: (took.seconds / runs) * 1e6, cpu: (took.cpu / runs) * 1e6 };
    },
  },
];

export const captureSuite: Suite = {
  name: "capture",
  description: "what a watched run table costs its writers",
  run: (options) =>
    withServer(async (server) => {
      await withClient(server.url(), createTables);
      await withClient(server.url(), createGuardTables);
      return compare(
        scenarios.map((scenario) => ({ variants, ...scenario, run: scenario.run(server.url()) })),
        options,
      );
    }),
};
