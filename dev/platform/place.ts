// Where the platform tests run: Debian's PostgreSQL in a folder, or, with TOCSIN_DB_URL, a database
// of your own, with the extensions that it has. That one should be there to be thrown away: the
// demo's tables and rows stay in it.

import { spawn } from "node:child_process";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { bootstrapDatabase, runFile, withClient } from "../database.ts";
import { inspectForeignDatabase } from "../foreign-database.ts";
import { isRoot, repository } from "../paths.ts";
import { superuser } from "../postgres.ts";
import { prepareDebian } from "./debian.ts";
import { startPlatformServer, type PlatformServer } from "./server.ts";

export type Row = Record<string, unknown>;

export type Place = {
  /** Of the role that pushes migrations. */
  url: string;
  /** Of the most powerful role that there is. */
  adminUrl: string;
  /** The folder with Debian; undefined on a database of your own. */
  debian: string | undefined;
  /** Whether pg_cron is the real one. */
  hasRealCron: boolean;
  query: (text: string, values?: unknown[]) => Promise<Row[]>;
  /** Lets the jobs run, or keeps them from it and waits for those that do. */
  launchJobs: (active: boolean) => Promise<void>;
  stop: () => Promise<void>;
};

/** Opens it; ends the process with a word where there is none. */
export async function openPlace(say: (line: string) => void): Promise<Place> {
  const own = process.env["TOCSIN_DB_URL"];
  if (own) return openOwn(own, say);
  if (process.platform !== "linux" || !isRoot) {
    const isCi = process.env["CI"] === "true";
    const reason =
      "The platform tests need root on Linux: they run Debian's PostgreSQL in a chroot. Or name a " +
      "database of your own: TOCSIN_DB_URL=postgresql://…";
    console.log(isCi ? reason : `Skipped. ${reason}`);
    process.exit(isCi ? 1 : 0);
  }
  // Where Debian has chroot and debootstrap, and not every shell looks.
  process.env["PATH"] = `${process.env["PATH"] ?? ""}:/usr/sbin:/sbin`;
  const debian = await prepareDebian(say);
  const server = await startBootstrapped(debian);
  const adminUrl = server.url(superuser);
  const query = queryOn(adminUrl);
  await query("create extension pgtap with schema extensions");
  await query("create extension plpgsql_check with schema extensions");
  await query("alter database postgres set pgrst.db_schemas = 'public, tocsin'");
  return {
    url: server.url(),
    adminUrl,
    debian,
    hasRealCron: true,
    query,
    launchJobs: async (active) => {
      await query(`alter system set cron.launch_active_jobs = ${active ? "on" : "off"}`);
      await query("select pg_reload_conf()");
      if (!active) await untilNoneRuns(query);
    },
    stop: () => server.stop(),
  };
}

/** A server that looks like a new Supabase project, with the real pg_cron. */
export async function startBootstrapped(debian: string): Promise<PlatformServer> {
  const server = await startPlatformServer(debian);
  try {
    await bootstrapDatabase(server.url(superuser));
    await runFile(server.url(superuser), join(repository, "dev/platform/pg_cron.sql"));
    return server;
  } catch (error) {
    await server.stop();
    throw error;
  }
}

async function openOwn(url: string, say: (line: string) => void): Promise<Place> {
  const found = await inspectForeignDatabase(url);
  say(`PostgreSQL ${found.version} at ${new URL(url).host}`);
  const query = queryOn(url);
  for (const extension of ["pgtap", "plpgsql_check"]) {
    await query(`create extension if not exists ${extension} with schema extensions`).catch(
      (error: unknown) => say(`Without ${extension}: ${String(error)}`),
    );
  }
  return {
    url,
    adminUrl: url,
    debian: undefined,
    hasRealCron: !found.standIns.cron,
    query,
    // Who is no superuser cannot hold the scheduler: the jobs wait for a day that is far off.
    launchJobs: async (active) => {
      if (active) await query("select tocsin_internal.schedule_jobs()");
      else {
        await query(`select cron.alter_job(jobid, schedule => '0 0 29 2 *') from cron.job
          where jobname like 'tocsin-%'`);
        await untilNoneRuns(query);
      }
    },
    stop: () => Promise.resolve(),
  };
}

function queryOn(url: string): Place["query"] {
  return (text, values = []) =>
    withClient(url, async (client) => (await client.query<Row>(text, values)).rows);
}

async function untilNoneRuns(query: Place["query"]): Promise<void> {
  await sleep(200); // pg_cron has to see it
  const running = `select 1 from cron.job_run_details where status in ('starting', 'running')`;
  for (let tries = 0; tries < 100 && (await query(running)).length > 0; tries++) await sleep(100);
}

/** The schema as Debian's pg_dump tells it, without the key that each dump has of its own. */
export async function dumpSchema(debian: string, url: string): Promise<string> {
  const child = spawn(
    "chroot",
    [debian, "/usr/lib/postgresql/17/bin/pg_dump", "--schema-only", `--dbname=${url}`],
    { stdio: ["ignore", "pipe", "pipe"], env: { PATH: process.env["PATH"], LC_ALL: "C" } },
  );
  let output = "";
  let problem = "";
  child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (problem += chunk.toString()));
  const code = await new Promise<number | null>((done) => child.once("close", done));
  if (code !== 0) throw new Error(`pg_dump failed (${code}):\n${problem}`);
  return output.replace(/^\\(un)?restrict .*\n/gm, "");
}
