// Runs a real PostgreSQL server for the local stack and for the tests, as root and as an ordinary
// user, on the loopback address only.
//
// The server never outlives us: see guard.ts. Should it ever do so, the next start finds it by its
// postmaster.pid and stops it first.

import { spawn, type ChildProcess } from "node:child_process";
import {
  chownSync,
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { guard } from "./guard.ts";
import { serverHome, serverUser } from "./paths.ts";
import { freePort } from "./ports.ts";
import { prepareServerFiles } from "./postgres-files.ts";

export type PostgresOptions = {
  /** Where the data lies; created when missing. Left out: a temporary place, removed by stop(). */
  dataDir?: string;
  /** The port wanted; another one when it is taken. */
  port?: number;
  /** For tests: no fsync, so a power cut may lose everything. Default: when there is no dataDir. */
  unsafe?: boolean;
};

export type Postgres = {
  port: number;
  dataDir: string;
  logFile: string;
  /** True when the data was made just now, so the bootstrap has still to be run. */
  isNew: boolean;
  /** A connection string. Roles: supabase_admin (superuser), postgres (owns the tables), … */
  url: (role?: string, database?: string) => string;
  /** Stops it; "immediate" leaves it as a crash would. */
  stop: (mode?: "fast" | "immediate") => Promise<void>;
};

/** The password of every login role: the server is a developer's own, on the loopback address. */
export const password = "postgres";
export const superuser = "supabase_admin";

export function databaseUrl(port: number, role = "postgres", database = "postgres"): string {
  return `postgresql://${role}:${password}@127.0.0.1:${port}/${database}`;
}

export async function startPostgres(options: PostgresOptions = {}): Promise<Postgres> {
  const files = await prepareServerFiles();
  const temporary = options.dataDir === undefined;
  const parent = temporary
    ? mkdtempSync(join(serverHome(), "scratch-"))
    : dirname(options.dataDir ?? "");
  mkdirSync(parent, { recursive: true });
  const dataDir = options.dataDir ?? join(parent, "data");
  const logFile = temporary ? join(parent, "postgres.log") : `${dataDir}.log`;
  const user = serverUser();
  if (user && temporary) chownSync(parent, user.uid, user.gid);

  const isNew = !existsSync(join(dataDir, "PG_VERSION"));
  if (isNew) await initialise(files, dataDir);
  else await stopLeftOver(dataDir);

  // As the owner of the data, which may be older than the user that we would choose today.
  const { uid, gid } = statSync(dataDir);
  const port = await freePort(options.port ?? 0);
  const log = openSync(logFile, "w");
  const server = spawn(
    join(files, "bin/postgres"),
    ["-D", dataDir, "-p", String(port), ...settings(options.unsafe ?? temporary)],
    {
      // Its own session: Ctrl-C must reach us first, so that its users stop before it does.
      detached: true,
      stdio: ["ignore", log, log],
      cwd: dataDir,
      env: { PATH: process.env["PATH"], LC_ALL: "C", TZ: "UTC" },
      ...(user ? { uid, gid } : {}),
    },
  );
  closeSync(log);
  const guarded = guard(server, "INT", temporary ? parent : undefined);
  try {
    await untilReady(server, dataDir, logFile);
  } catch (error) {
    server.kill("SIGQUIT");
    guarded.dismiss();
    if (temporary) rmSync(parent, { recursive: true, force: true });
    throw error;
  }

  const stop = async (mode: "fast" | "immediate" = "fast"): Promise<void> => {
    await stopServer(server, mode);
    guarded.dismiss();
    if (temporary) rmSync(parent, { recursive: true, force: true, maxRetries: 3 });
  };
  return {
    port,
    dataDir,
    logFile,
    isNew,
    url: (role, database) => databaseUrl(port, role, database),
    stop,
  };
}

function settings(unsafe: boolean): string[] {
  const values: Record<string, string> = {
    listen_addresses: "127.0.0.1",
    unix_socket_directories: "",
    max_connections: "120",
    wal_level: "logical",
    timezone: "UTC",
    log_timezone: "UTC",
    log_line_prefix: "%m [%p] %q%u@%d %a ",
    log_checkpoints: "off",
    ...(unsafe ? { fsync: "off", synchronous_commit: "off", full_page_writes: "off" } : {}),
  };
  return Object.entries(values).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
}

async function initialise(files: string, dataDir: string): Promise<void> {
  const user = serverUser();
  rmSync(dataDir, { recursive: true, force: true });
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const passwordFile = join(dirname(dataDir), `password-${process.pid}`);
  writeFileSync(passwordFile, `${password}\n`, { mode: 0o600 });
  if (user) {
    chownSync(dataDir, user.uid, user.gid);
    chownSync(passwordFile, user.uid, user.gid);
  }
  try {
    await run(join(files, "bin/initdb"), [
      `--pgdata=${dataDir}`,
      `--username=${superuser}`,
      `--pwfile=${passwordFile}`,
      "--auth=scram-sha-256",
      "--encoding=UTF8",
      // PostgreSQL's own locale: the same everywhere, whatever locales the machine has.
      "--locale=C",
      "--locale-provider=builtin",
      "--builtin-locale=C.UTF-8",
      "--no-sync",
      "--no-instructions",
    ]);
  } catch (error) {
    rmSync(dataDir, { recursive: true, force: true });
    throw error;
  } finally {
    rmSync(passwordFile, { force: true });
  }
}

async function run(command: string, args: string[]): Promise<void> {
  const child = spawn(command, args, {
    stdio: ["ignore", "pipe", "pipe"],
    cwd: "/",
    env: { PATH: process.env["PATH"], LC_ALL: "C", TZ: "UTC" },
    ...serverUser(),
  });
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const code = await new Promise<number | null>((done, fail) => {
    child.once("error", fail);
    child.once("close", done);
  });
  if (code !== 0) throw new Error(`${command} failed (exit code ${code}):\n${output.trim()}`);
}

/** Waits until a server that has just been started takes connections; rejects when it ends. */
export async function untilReady(
  server: ChildProcess,
  dataDir: string,
  logFile: string,
): Promise<void> {
  let failure: Error | undefined;
  server.once("error", (error) => (failure = error));
  for (let waited = 0; waited < 60_000; waited += 20) {
    const ended = server.exitCode !== null || server.signalCode !== null;
    if (failure || ended) {
      const log = existsSync(logFile) ? readFileSync(logFile, "utf8").trim() : "";
      const reason = failure?.message ?? log.split("\n").slice(-15).join("\n");
      throw new Error(`PostgreSQL did not start:\n${reason}`);
    }
    if (readPidFile(dataDir)?.status === "ready") return;
    await sleep(20);
  }
  throw new Error(`PostgreSQL was not ready after 60 s. Its log: ${logFile}`);
}

/** The server's own note in its data directory: process id, port and state. */
function readPidFile(dataDir: string): { pid: number; port: number; status: string } | undefined {
  try {
    const lines = readFileSync(join(dataDir, "postmaster.pid"), "utf8").split("\n");
    return { pid: Number(lines[0]), port: Number(lines[3]), status: (lines[7] ?? "").trim() };
  } catch {
    return undefined; // there is none: the server is not running, and was stopped in order
  }
}

/** Stops a server that an earlier, crashed run of ours left behind on the same data. */
async function stopLeftOver(dataDir: string): Promise<void> {
  const note = readPidFile(dataDir);
  if (!note?.pid || !isAlive(note.pid)) return;
  // The process id may be somebody else's by now. It is ours only if it serves this very data.
  const client = new pg.Client({ connectionString: databaseUrl(note.port, superuser) });
  try {
    await client.connect();
    const { rows } = await client.query<{ data_directory: string }>("show data_directory");
    if (rows[0]?.data_directory !== dataDir) return;
    process.kill(note.pid, "SIGINT");
  } catch {
    return; // not ours: PostgreSQL itself decides whether the note is stale
  } finally {
    await client.end().catch(() => undefined);
  }
  for (let waited = 0; waited < 10_000 && isAlive(note.pid); waited += 50) await sleep(50);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

export async function stopServer(
  server: ChildProcess,
  mode: "fast" | "immediate" = "fast",
): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return;
  const ended = new Promise((done) => server.once("exit", done));
  server.kill(mode === "fast" ? "SIGINT" : "SIGQUIT");
  const impatient = setTimeout(() => server.kill("SIGQUIT"), 8_000);
  await ended;
  clearTimeout(impatient);
}
