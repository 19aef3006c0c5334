// What a watched run table costs its writers, against the same table untouched and against the
// counter row that a trigger would update for each finished run.

import { randomUUID } from "node:crypto";
import type pg from "pg";
import { withClient } from "../dev/database.ts";
import { type Scenario, timeClients, timeSessions } from "./measure.ts";

const variants = ["untouched", "tocsin", "counter_row"];
const guardVariants = ["untouched", "unguarded", "guarded"];

/** The id of the n-th run. */
const id = (n: string): string =>
  `('00000000-0000-4000-8000-' || lpad((${n})::text, 12, '0'))::uuid`;
const project = "7b6f0c1e-2f3a-4d55-9c1d-0a4b8f1c2d3e";
const workflow = "11111111-aaaa-4000-8000-000000000001";

/**
 * The same run table three times, with the columns, indexes, foreign keys and trigger that
 * MeshHook's has. One is watched, one updates a counter row as a sketch would.
 */
export async function createTables(client: pg.Client): Promise<void> {
  await client.query(`
    create table public.projects (id uuid primary key);
    create table public.workflow_definitions (id uuid primary key);
    insert into public.projects values ('${project}');
    insert into public.workflow_definitions values ('${workflow}');
    create function public.update_updated_at_column() returns trigger language plpgsql as $$
      begin new.updated_at = now(); return new; end $$;`);
  for (const variant of variants) {
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
      for each row execute function public.count_run();`);
}

/** Two triggers that compare a status as the generated ones do: one guards its reading, one not. */
export async function createGuardTables(client: pg.Client): Promise<void> {
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
    await client.query("truncate public.run_counters, tocsin_internal.run_outcomes");
    await client.query(`insert into public.runs_${variant} (id)
      select ${id("n")} from generate_series(1, ${runs}) as n`);
    await client.query(`vacuum analyze public.runs_${variant}`);
    await client.query("checkpoint").catch(() => undefined);
  });
}

/** Sessions that loop inside the server: the harshest ratio, since no client's time is in it. */
function inServer(
  sessions: number,
  perSession: number,
  existing: number,
  body: (table: string, session: number) => string,
): Scenario["run"] {
  return async (url, variant) => {
    await begin(url, variant, existing);
    const seconds = await timeSessions(
      url,
      sessions,
      (session) =>
        `do $$ begin for i in 1..${perSession} loop
           ${body(`public.runs_${variant}`, session)} commit;
         end loop; end $$`,
    );
    return (sessions * perSession) / seconds;
  };
}

/** Clients that send each statement and wait for its answer, as workers do. */
function fromClients(
  sessions: number,
  perSession: number,
  existing: number,
  work: (client: pg.Client, table: string, session: number, i: number) => Promise<unknown>,
): Scenario["run"] {
  return async (url, variant) => {
    await begin(url, variant, existing);
    const seconds = await timeClients(url, sessions, async (client, session) => {
      for (let i = 1; i <= perSession; i++) {
        await work(client, `public.runs_${variant}`, session, i);
      }
    });
    return (sessions * perSession) / seconds;
  };
}

function statement(runs: number, sql: (table: string) => string): Scenario["run"] {
  return async (url, variant) => {
    await begin(url, variant, runs);
    return (await timeSessions(url, 1, () => sql(`public.runs_${variant}`))) * 1000;
  };
}

export const captureScenarios: Scenario[] = [
  {
    name: "contention",
    description: "32 writers finishing runs of one workflow, each transaction held open 5 ms",
    unit: "runs/s",
    budget: ">= 0.95",
    variants,
    run: inServer(
      32,
      100,
      3200,
      (table, session) => `update ${table} set status = 'succeeded', finished_at = clock_timestamp()
        where id = ${id(`${session * 100} + i`)}; perform pg_sleep(0.005);`,
    ),
  },
  {
    name: "short_run",
    description: "8 clients: insert a run, then update it to succeeded",
    unit: "runs/s",
    budget: ">= 0.95",
    variants,
    run: fromClients(8, 400, 0, async (client, table) => {
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
    budget: ">= 0.95",
    variants,
    run: fromClients(8, 800, 800, (client, table, session, i) =>
      client.query({
        name: "beat",
        text: `update ${table} set started_at = now() where id = ${id("$1")}`,
        values: [session * 100 + 1 + (i % 100)],
      }),
    ),
  },
  {
    name: "no_end_in_server",
    description: "8 sessions looping in the server: an update that ends no run",
    unit: "updates/s",
    budget: "none: shown for what a trigger costs at all",
    variants,
    run: inServer(
      8,
      1500,
      800,
      (table, session) => `update ${table} set started_at = now()
        where id = ${id(`${session * 100} + 1 + i % 100`)};`,
    ),
  },
  {
    name: "bulk_finish",
    description: "one UPDATE that finishes 10,000 runs",
    unit: "ms",
    budget: "<= 1.5",
    variants,
    run: statement(
      10_000,
      (table) => `update ${table} set status = 'succeeded', finished_at = now()`,
    ),
  },
  {
    name: "bulk_fail",
    description: "one UPDATE that fails 10,000 runs",
    unit: "ms",
    budget: "<= 1.5",
    variants,
    run: statement(10_000, (table) => `update ${table} set status = 'failed', finished_at = now()`),
  },
  {
    name: "guard",
    description: "a row's share of an UPDATE of 20,000 runs, read in a guard and without one",
    unit: "us",
    budget: "the guard itself <= 1 us",
    variants: guardVariants,
    run: async (url, variant) => {
      const runs = 20_000;
      const table = `public.runs_guard_${variant}`;
      await withClient(url, async (client) => {
        await client.query(`truncate ${table} restart identity`);
        await client.query(`insert into ${table} (status)
          select 'running' from generate_series(1, ${runs})`);
      });
      const seconds = await timeSessions(
        url,
        1,
        () => `update ${table} set heartbeat = heartbeat + 1`,
      );
      return (seconds / runs) * 1e6;
    },
  },
  {
    name: "failing_statement",
    description: "one client: an UPDATE that fails one run, without its commit",
    unit: "us",
    budget: "<= 50 us more than untouched",
    variants,
    run: async (url, variant) => {
      const runs = 5000;
      await begin(url, variant, runs);
      const seconds = await timeSessions(
        url,
        1,
        () => `do $$ begin for i in 1..${runs} loop
          update public.runs_${variant} set status = 'failed', finished_at = now()
            where id = ${id("i")};
        end loop; end $$`,
      );
      return (seconds / runs) * 1e6;
    },
  },
];
