// PostgreSQL 17 from Debian with the real pg_cron, in the folder that debian.ts makes. pgmq, and the
// stand-ins for what Debian does not have, are ours.

import { spawn } from "node:child_process";
import {
  appendFileSync,
  chmodSync,
  chownSync,
  closeSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { cpSync } from "node:fs";
import { basename, join } from "node:path";
import { guard } from "../guard.ts";
import { freePort } from "../ports.ts";
import { standInFiles, unpackExtensions } from "../postgres-files.ts";
import { databaseUrl, password, stopServer, superuser, untilReady } from "../postgres.ts";

export type PlatformServer = {
  port: number;
  url: (role?: string, database?: string) => string;
  logFile: string;
  stop: () => Promise<void>;
};

const binaries = "/usr/lib/postgresql/17/bin";
const extensions = "usr/share/postgresql/17/extension";

export async function startPlatformServer(debian: string): Promise<PlatformServer> {
  await stageExtensions(debian);
  const [uid, gid] = postgresUser(debian);
  mkdirSync(join(debian, "var/tmp"), { recursive: true });
  const home = mkdtempSync(join(debian, "var/tmp/tocsin-"));
  const inside = (name: string): string => join(home, name).slice(debian.length);
  chownSync(home, uid, gid);
  writeSecret(join(home, "password"), `${password}\n`, uid, gid);
  // pg_cron connects over TCP as each job's user, and its libpq finds the password here.
  writeSecret(join(home, "pgpass"), `127.0.0.1:*:*:*:${password}\n`, uid, gid);

  const start = (command: string, args: string[], log: number) =>
    spawn("chroot", [`--userspec=${uid}:${gid}`, debian, `${binaries}/${command}`, ...args], {
      detached: true,
      stdio: ["ignore", log, log],
      env: { PATH: process.env["PATH"], LC_ALL: "C", TZ: "UTC", PGPASSFILE: inside("pgpass") },
    });

  const logFile = join(home, "postgres.log");
  const log = openSync(logFile, "w");
  try {
    const initdb = start(
      "initdb",
      [
        `--pgdata=${inside("data")}`,
        `--username=${superuser}`,
        `--pwfile=${inside("password")}`,
        ...["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync"],
        ...["--locale-provider=builtin", "--builtin-locale=C.UTF-8"],
      ],
      log,
    );
    const code = await new Promise<number | null>((done) => initdb.once("close", done));
    if (code !== 0) throw new Error(`initdb failed:\n${readFileSync(logFile, "utf8")}`);

    const port = await freePort(0);
    const server = start(
      "postgres",
      ["-D", inside("data"), "-p", String(port)].concat(
        Object.entries({
          listen_addresses: "127.0.0.1",
          unix_socket_directories: "",
          // The folder has no /dev/shm of its own.
          dynamic_shared_memory_type: "mmap",
          max_connections: "120",
          wal_level: "logical",
          timezone: "UTC",
          fsync: "off",
          shared_preload_libraries: "pg_cron,plpgsql_check",
          "cron.database_name": "postgres",
          "cron.host": "127.0.0.1",
        }).flatMap(([name, value]) => ["-c", `${name}=${value}`]),
      ),
      log,
    );
    const guarded = guard(server, "INT", home);
    await untilReady(server, join(home, "data"), logFile);
    return {
      port,
      url: (role, database) => databaseUrl(port, role, database),
      logFile,
      stop: async () => {
        await stopServer(server);
        guarded.dismiss();
        rmSync(home, { recursive: true, force: true });
      },
    };
  } catch (error) {
    rmSync(home, { recursive: true, force: true });
    throw error;
  } finally {
    closeSync(log);
  }
}

/** pgmq from npm; pg_net and Vault from dev/extensions; pg_cron stays Debian's. */
async function stageExtensions(debian: string): Promise<void> {
  const staging = mkdtempSync(join(debian, "tmp/extensions-"));
  await unpackExtensions(staging);
  const pgmq = (file: string): boolean => !basename(file).startsWith("pgtap");
  cpSync(join(staging, "share/postgresql/extension"), join(debian, extensions), {
    recursive: true,
    filter: pgmq,
  });
  rmSync(staging, { recursive: true });
  for (const file of standInFiles()) {
    if (!file.includes("pg_cron")) {
      const copy = join(debian, extensions, basename(file));
      copyFileSync(file, copy);
      chmodSync(copy, 0o644);
    }
  }
  // On Supabase `postgres` may create it, though it is no superuser.
  const control = join(debian, extensions, "pg_cron.control");
  if (!readFileSync(control, "utf8").includes("trusted"))
    appendFileSync(control, "trusted = true\n");
}

function postgresUser(debian: string): [uid: number, gid: number] {
  const line = readFileSync(join(debian, "etc/passwd"), "utf8")
    .split("\n")
    .find((entry) => entry.startsWith("postgres:"));
  const [, , uid, gid] = line?.split(":") ?? [];
  if (!uid || !gid) throw new Error(`${debian} has no user postgres. Remove it, and run it again.`);
  return [Number(uid), Number(gid)];
}

function writeSecret(file: string, text: string, uid: number, gid: number): void {
  writeFileSync(file, text, { mode: 0o600 });
  chownSync(file, uid, gid);
}
