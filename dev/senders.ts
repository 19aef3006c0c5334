// Several tocsin-notify at once on a clock that can be moved, for tests and benchmarks of delivery:
// each a Deno process of its own with the memory of an Edge Function, before one Data API.

import { spawn, type ChildProcess } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { readProjectConfig } from "./config.ts";
import { cacheFunction, denoBinary, denoEnv, functionsDir } from "./deno.ts";
import { startGateway } from "./gateway.ts";
import { guard } from "./guard.ts";
import { makeKeys } from "./keys.ts";
import { freePort } from "./ports.ts";

const resultSchema = z.object({
  claimed: z.number(),
  delivered: z.number(),
  retried: z.number(),
  dead: z.number(),
  released: z.number(),
  unrecorded: z.number(),
  forwarding: z.record(z.string(), z.number()).optional(),
});
export type DrainResult = z.infer<typeof resultSchema>;

export type SendersOptions = {
  /** Of the superuser, for the Data API. */
  databaseUrl: string;
  count: number;
  /** What the function finds in its environment besides its database. */
  env: Record<string, string>;
  limits?: Record<string, number>;
  /** Each process dies before this record, counted from its start. */
  dieAt?: number;
};

export type Senders = {
  token: string;
  /** Drains, with the clock moved by so many milliseconds; undefined when it died meanwhile. */
  drain: (sender: number, offset: number) => Promise<DrainResult | undefined>;
  /** The memory of a sender in MiB (Linux only): now without, and at most with Deno's own program. */
  memory: (sender: number) => { own: number; peak: number };
  /** Seconds of CPU that a sender has taken since its start (Linux only). */
  cpu: (sender: number) => number;
  /** How often one had to be started again. */
  deaths: () => number;
  stop: () => Promise<void>;
};

export async function startSenders(options: SendersOptions): Promise<Senders> {
  await cacheFunction("tocsin-notify");
  const keys = makeKeys();
  const gateway = await startGateway({
    port: await freePort(0),
    databaseUrl: options.databaseUrl,
    config: readProjectConfig(),
    keys,
    functions: () => undefined,
  });
  const env = {
    SUPABASE_URL: gateway.url,
    SUPABASE_SECRET_KEYS: JSON.stringify({ default: keys.secret }),
    TEST_LIMITS: JSON.stringify(options.limits ?? {}),
    ...(options.dieAt === undefined ? {} : { TEST_DIE_AT: String(options.dieAt) }),
    ...options.env,
  };
  const token = "a token for these senders";
  const running = await Promise.all(Array.from({ length: options.count }, () => startOne(env)));
  let deaths = 0;
  return {
    token,
    drain: async (sender, offset) => {
      let one = running[sender];
      if (one === undefined) throw new Error(`There are ${running.length} senders.`);
      if (one.child.exitCode !== null) {
        deaths += 1;
        one = running[sender] = await startOne(env);
      }
      return await drain(one.port, token, offset);
    },
    memory: (sender) => {
      const status = readFileSync(`/proc/${running[sender]?.child.pid}/status`, "utf8");
      const read = (name: string): number =>
        Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(status)?.[1]) / 1024;
      return { own: read("RssAnon"), peak: read("VmHWM") };
    },
    cpu: (sender) => {
      const stat = readFileSync(`/proc/${running[sender]?.child.pid}/stat`, "utf8");
      const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      return (Number(fields[11]) + Number(fields[12])) / 100;
    },
    deaths: () => deaths + running.filter(({ child }) => child.exitCode !== null).length,
    stop: async () => {
      for (const { child, ended } of running) {
        if (child.exitCode === null) child.kill("SIGTERM");
        await ended;
      }
      await gateway.stop();
    },
  };
}

type Running = { child: ChildProcess; port: number; ended: Promise<unknown> };

async function startOne(env: Record<string, string>): Promise<Running> {
  const port = await freePort(0);
  const cwd = join(functionsDir, "tocsin-notify");
  const child = spawn(
    denoBinary,
    [
      ...["run", "--no-prompt", "--quiet", "--allow-net", "--allow-env", "--allow-sys"],
      ...[`--allow-read=${functionsDir}`, "--v8-flags=--max-old-space-size=256"],
      "testing/clocked.ts",
    ],
    {
      cwd,
      env: { ...denoEnv(), ...env, TEST_PORT: String(port) },
      stdio: ["ignore", "pipe", "pipe"],
    },
  );
  let output = "";
  const keep = (chunk: Buffer): void => void (output = (output + chunk.toString()).slice(-4_000));
  child.stdout.on("data", keep);
  child.stderr.on("data", keep);
  const guarded = guard(child, "TERM");
  const ended = new Promise((done) => child.once("exit", done));
  void ended.then(() => guarded.dismiss());
  for (let tries = 0; tries < 400 && child.exitCode === null; tries++) {
    const answer = await fetch(`http://127.0.0.1:${port}/`).catch(() => undefined);
    await answer?.body?.cancel();
    if (answer) return { child, port, ended };
    await sleep(25);
  }
  throw new Error(`tocsin-notify did not start:\n${output}`);
}

async function drain(
  port: number,
  token: string,
  offset: number,
): Promise<DrainResult | undefined> {
  const answer = await fetch(`http://127.0.0.1:${port}/`, {
    method: "POST",
    headers: { "x-tocsin-token": token, "x-test-offset": String(offset) },
    body: JSON.stringify({ type: "drain", wait: true }),
  }).catch(() => undefined);
  if (answer === undefined) return undefined;
  const text = await answer.text().catch(() => undefined);
  if (text === undefined) return undefined;
  if (!answer.ok) throw new Error(`tocsin-notify answered ${answer.status}: ${text}`);
  return resultSchema.parse(JSON.parse(text));
}
