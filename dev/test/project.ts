// A user's own project: a folder made by `supabase init`, the packed command line installed in it,
// and what serves the project's functions and API on a test database.

import { spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { runSupabase } from "../cli.ts";
import { readProjectConfig } from "../config.ts";
import { cacheFunction, functionNames } from "../deno.ts";
import { startFunctions, type Functions } from "../functions.ts";
import { startGateway } from "../gateway.ts";
import { startInbox, type Inbox } from "../inbox/inbox.ts";
import { makeKeys, type Keys } from "../keys.ts";
import { localDir, repository } from "../paths.ts";
import { freePort } from "../ports.ts";
import { superuser } from "../postgres.ts";
import type { TestDatabase } from "./database.ts";

export type Ran = { code: number | null; output: string };

/** Runs a program to its end; its output is both of its streams. */
export async function run(
  command: string,
  args: string[],
  cwd: string,
  env: NodeJS.ProcessEnv = {},
): Promise<Ran> {
  const child = spawn(command, args, {
    cwd,
    env: {
      ...process.env,
      PATH: `${join(process.execPath, "..")}:${process.env["PATH"] ?? ""}`,
      NO_COLOR: "1",
      npm_config_update_notifier: "false",
      SUPABASE_TELEMETRY_DISABLED: "1",
      ...env,
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const code = await new Promise<number | null>((done, fail) => {
    child.once("error", fail);
    child.once("close", done);
  });
  return { code, output };
}

async function mustRun(command: string, args: string[], cwd: string): Promise<string> {
  const { code, output } = await run(command, args, cwd);
  if (code !== 0) throw new Error(`${command} ${args.join(" ")} failed (${code}):\n${output}`);
  return output;
}

/** Builds and packs the command line; answers with the tarball. */
export async function packCli(): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "tocsin-pack-"));
  const release = await takeTurn(join(localDir, "packing"));
  try {
    await mustRun("npm", ["pack", "-w", "cli", "--pack-destination", folder], repository);
  } finally {
    release();
  }
  return join(folder, "tocsin-0.1.0.tgz");
}

/** Test files run beside each other, and what they pack is built in one place. */
async function takeTurn(lock: string): Promise<() => void> {
  mkdirSync(dirname(lock), { recursive: true });
  for (;;) {
    try {
      mkdirSync(lock);
      return () => rmSync(lock, { recursive: true, force: true });
    } catch {
      // one that nobody has released for so long was left by a test that was killed
      const since = statSync(lock, { throwIfNoEntry: false })?.mtimeMs;
      if (since !== undefined && Date.now() - since > 120_000) {
        rmSync(lock, { recursive: true, force: true });
      }
      await sleep(200);
    }
  }
}

export type Project = {
  root: string;
  /** npx tocsin …, of the installed package. */
  tocsin: (...args: string[]) => Promise<Ran>;
  /** What it finds in its environment besides. */
  env: NodeJS.ProcessEnv;
  write: (path: string, text: string) => void;
  remove: () => Promise<void>;
};

/** A folder made by `supabase init`, with the package installed from its tarball. */
export async function makeProject(tarball: string): Promise<Project> {
  const root = mkdtempSync(join(tmpdir(), "tocsin-project-"));
  const { code, output } = await runSupabase(["init", "--yes"], root);
  if (code !== 0) throw new Error(`supabase init failed:\n${output}`);
  writeFileSync(join(root, "package.json"), "{}");
  // what it depends on is here already
  const needs = ["postgres", "smol-toml"].map((name) => join(repository, "node_modules", name));
  const options = ["--offline", "--no-audit", "--no-fund", "--ignore-scripts"];
  await mustRun("npm", ["install", ...options, tarball, ...needs], root);
  const env: NodeJS.ProcessEnv = {};
  return {
    root,
    env,
    tocsin: (...args) => run(join(root, "node_modules/.bin/tocsin"), args, root, env),
    write: (path, text) => {
      const file = join(root, path);
      if (!existsSync(dirname(file))) mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, text);
    },
    remove: () => rm(root, { recursive: true, force: true }),
  };
}

export type Served = {
  apiUrl: string;
  functionsUrl: string;
  inbox: Inbox;
  keys: Keys;
  stop: () => Promise<void>;
};

/** Serves the project as it stands: its config, and those of its functions that are named. */
export async function serveProject(
  project: Pick<Project, "root">,
  db: TestDatabase,
  options: { functions?: string[]; secrets?: Record<string, string> } = {},
): Promise<Served> {
  const config = readProjectConfig(project.root);
  const directory = join(project.root, "supabase/functions");
  const names = options.functions ?? functionNames(directory);
  const keys = makeKeys();
  const inbox = await startInbox({ port: await freePort(0) });
  const running: { functions?: Functions } = {};
  const gateway = await startGateway({
    port: await freePort(0),
    databaseUrl: db.url(superuser),
    config,
    keys,
    functions: () => running.functions,
  });
  const logDir = mkdtempSync(join(tmpdir(), "tocsin-logs-"));
  for (const name of names) await cacheFunction(name, directory);
  running.functions = await startFunctions({
    names,
    directory,
    logDir,
    log: () => undefined,
    env: {
      SUPABASE_URL: gateway.url,
      SUPABASE_SECRET_KEYS: JSON.stringify({ default: keys.secret }),
      SUPABASE_PUBLISHABLE_KEYS: JSON.stringify({ default: keys.publishable }),
      RESEND_API_KEY: "re_local_stack",
      RESEND_BASE_URL: inbox.url,
      TOCSIN_EMAIL_FROM: "Tocsin <alerts@tocsin.local>",
      ...options.secrets,
    },
  });
  return {
    apiUrl: gateway.url,
    functionsUrl: `${gateway.url}/functions/v1`,
    inbox,
    keys,
    stop: async () => {
      await running.functions?.stop();
      await gateway.stop();
      await inbox.stop();
      await rm(logDir, { recursive: true, force: true });
    },
  };
}
