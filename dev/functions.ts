// Runs each Edge Function as deployed: a Deno process of its own, with its own deno.json and lock
// file, the environment that Supabase gives, and about its memory. One that dies is started again.

import { spawn, type ChildProcess } from "node:child_process";
import { closeSync, mkdirSync, openSync, readFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { denoBinary, denoEnv, functionsDir } from "./deno.ts";
import { guard } from "./guard.ts";
import { freePort } from "./ports.ts";

export type FunctionsOptions = {
  names: string[];
  /** Where they lie: supabase/functions, but for tests. */
  directory?: string;
  /** What the functions find in their environment, besides Deno's own settings. */
  env: Record<string, string>;
  logDir: string;
  log: (line: string) => void;
};

export type Functions = {
  names: string[];
  /** Hands a request to the function; 503 while it cannot answer. */
  fetch: (name: string, request: Request) => Promise<Response>;
  stop: () => Promise<void>;
};

export async function startFunctions(options: FunctionsOptions): Promise<Functions> {
  mkdirSync(options.logDir, { recursive: true });
  const running = new Map<string, FunctionProcess>();
  for (const name of options.names) {
    running.set(name, new FunctionProcess(name, await freePort(0), options));
  }
  await Promise.all([...running.values()].map((one) => one.start()));
  return {
    names: options.names,
    fetch: async (name, request) =>
      (await running.get(name)?.fetch(request)) ??
      problem(404, "NOT_FOUND", "Requested function was not found"),
    stop: async () => {
      await Promise.all([...running.values()].map((one) => one.stop()));
    },
  };
}

export function problem(status: number, code: string, message: string): Response {
  return Response.json({ code, message }, { status });
}

const startLimit = 30_000;

class FunctionProcess {
  #name: string;
  #port: number;
  #options: FunctionsOptions;
  #logFile: string;
  #child: ChildProcess | undefined;
  #stopping = false;
  #restarts = 0;

  constructor(name: string, port: number, options: FunctionsOptions) {
    this.#name = name;
    this.#port = port;
    this.#options = options;
    this.#logFile = join(options.logDir, `${name}.log`);
  }

  /** Resolves when it answers; rejects when its first start fails. */
  async start(): Promise<void> {
    const directory = this.#options.directory ?? functionsDir;
    const log = openSync(this.#logFile, this.#restarts === 0 ? "w" : "a");
    const child = spawn(
      denoBinary,
      [
        "run",
        "--no-prompt",
        "--quiet",
        "--allow-net",
        "--allow-env",
        "--allow-sys",
        `--allow-read=${directory}`,
        "--v8-flags=--max-old-space-size=256",
        "index.ts",
      ],
      {
        cwd: join(directory, this.#name),
        env: {
          ...denoEnv(),
          ...this.#options.env,
          DENO_SERVE_ADDRESS: `tcp:127.0.0.1:${this.#port}`,
        },
        stdio: ["ignore", log, log],
        detached: true,
      },
    );
    closeSync(log);
    this.#child = child;
    const guarded = guard(child, "TERM");
    let failure: Error | undefined;
    child.once("error", (error) => (failure = error));
    child.once("exit", (code, signal) => {
      guarded.dismiss();
      void this.#ended(code ?? signal);
    });
    for (let waited = 0; waited < startLimit; waited += 25) {
      if (failure) throw failure;
      if (child.exitCode !== null || child.signalCode !== null) break;
      if (await answers(this.#port)) return;
      await sleep(25);
    }
    const tail = readFileSync(this.#logFile, "utf8").trim().split("\n").slice(-15).join("\n");
    throw new Error(
      `The function ${this.#name} did not start:\n${tail}\nIts log: ${this.#logFile}`,
    );
  }

  async fetch(request: Request): Promise<Response> {
    const url = new URL(request.url);
    const headers = new Headers(request.headers);
    for (const name of ["connection", "keep-alive", "transfer-encoding", "host"]) {
      headers.delete(name);
    }
    headers.set("x-forwarded-host", url.host);
    headers.set("x-forwarded-proto", url.protocol.replace(":", ""));
    const path = url.pathname.replace(/^\/functions\/v1/, "");
    try {
      const answer = await fetch(`http://127.0.0.1:${this.#port}${path}${url.search}`, {
        method: request.method,
        headers,
        body: request.body,
        redirect: "manual",
        signal: request.signal,
        ...(request.body ? { duplex: "half" } : {}),
      });
      return unpacked(answer);
    } catch (error) {
      if (request.signal.aborted) throw error;
      return problem(503, "BOOT_ERROR", `Function failed to start (see ${this.#logFile})`);
    }
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((done) => child.once("exit", done));
    child.kill("SIGTERM");
    const impatient = setTimeout(() => child.kill("SIGKILL"), 2_000);
    await ended;
    clearTimeout(impatient);
  }

  async #ended(reason: number | string | null): Promise<void> {
    if (this.#stopping) return;
    this.#restarts += 1;
    const wait = Math.min(10, 2 ** (this.#restarts - 1));
    this.#options.log(
      `The function ${this.#name} stopped (${reason ?? "unknown reason"}); ` +
        `starting it again in ${wait} s. Its log: ${this.#logFile}`,
    );
    await sleep(wait * 1000);
    if (!this.#stopping) await this.start().catch(() => undefined);
  }
}

/** fetch() has unpacked the body, and left the headers that say it is packed. */
function unpacked(answer: Response): Response {
  if (!answer.headers.has("content-encoding")) return answer;
  const headers = new Headers(answer.headers);
  headers.delete("content-encoding");
  headers.delete("content-length");
  return new Response(answer.body, { status: answer.status, headers });
}

function answers(port: number): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => {
      socket.destroy();
      done(true);
    });
    socket.once("error", () => done(false));
  });
}
