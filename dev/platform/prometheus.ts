// Debian's Prometheus, in the folder that debian.ts makes: promtool to judge a page of metrics, and
// the server itself to scrape one, since only that parses OpenMetrics.

import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { guard } from "../guard.ts";
import { freePort } from "../ports.ts";

export type Target = { url: string; token: string };

export type Prometheus = {
  /** An instant query: the value of each series, with its labels. */
  query: (expression: string) => Promise<{ labels: Record<string, string>; value: number }[]>;
  /** The type and help of a family, as it was told with the scrape. */
  metadata: (name: string) => Promise<{ type: string; help: string; unit: string } | undefined>;
  /** How the last scrape went; waits for the first. */
  target: () => Promise<{ health: string; lastError: string }>;
  stop: () => Promise<void>;
};

/** `promtool check …` of a page of metrics, or of a file for Prometheus: what it finds wrong. */
export async function check(
  debian: string,
  what: "metrics" | "config" | "rules",
  text: string,
): Promise<string> {
  const home = mkdtempSync(join(debian, "var/tmp/promtool-"));
  try {
    const file = join(home, "input");
    writeFileSync(file, text);
    // Metrics come from stdin only. What the files name is on no machine of ours.
    const input = what === "metrics" ? [] : [file.slice(debian.length)];
    const options = what === "config" ? ["--syntax-only"] : [];
    const child = spawn(
      "chroot",
      [debian, "/usr/bin/promtool", "check", what, ...options, ...input],
      { stdio: ["pipe", "pipe", "pipe"], env: { PATH: process.env["PATH"] } },
    );
    let output = "";
    child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
    child.stderr.on("data", (chunk: Buffer) => (output += chunk.toString()));
    child.stdin.on("error", () => undefined); // it need not have read to the end
    child.stdin.end(what === "metrics" ? text : "");
    const code = await new Promise<number | null>((done, fail) => {
      child.once("error", fail);
      child.once("close", done);
    });
    if (code !== 0) return `${output.trim()} (exit code ${code})`;
    // Of metrics it says nothing when all is well; lint that is no error is on stderr.
    return what === "metrics" ? output.trim() : "";
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}

/** Scrapes each second until it is stopped; keeps what it learns in a folder that goes with it. */
export async function startPrometheus(debian: string, target: Target): Promise<Prometheus> {
  const home = mkdtempSync(join(debian, "var/tmp/prometheus-"));
  const inside = (name: string): string => join(home, name).slice(debian.length);
  const url = new URL(target.url);
  // JSON is YAML.
  const job = {
    job_name: "tocsin",
    scrape_interval: "1s",
    scheme: url.protocol.replace(":", ""),
    metrics_path: url.pathname,
    authorization: { type: "Bearer", credentials: target.token },
    static_configs: [{ targets: [url.host] }],
  };
  writeFileSync(join(home, "prometheus.yml"), JSON.stringify({ scrape_configs: [job] }), {
    mode: 0o600,
  });
  const port = await freePort(0);
  const child = spawn(
    "chroot",
    [
      ...[debian, "/usr/bin/prometheus"],
      `--config.file=${inside("prometheus.yml")}`,
      `--storage.tsdb.path=${inside("data")}`,
      `--web.listen-address=127.0.0.1:${port}`,
      "--log.level=warn",
    ],
    { detached: true, stdio: ["ignore", "ignore", "pipe"], env: { PATH: process.env["PATH"] } },
  );
  const guarded = guard(child, "TERM", home);
  let log = "";
  child.stderr.on("data", (chunk: Buffer) => (log += chunk.toString()));
  const ended = new Promise<void>((done) => child.once("close", () => done()));
  const stop = async (): Promise<void> => {
    child.kill("SIGTERM");
    await ended;
    guarded.dismiss();
    rmSync(home, { recursive: true, force: true });
  };

  const api = `http://127.0.0.1:${port}/api/v1`;
  const get = async <T extends z.ZodType>(path: string, data: T): Promise<z.infer<T>> => {
    const answer: unknown = await (await fetch(`${api}/${path}`)).json();
    return data.parse(succeeded.parse(answer).data);
  };
  const read = async (): Promise<{ health: string; lastError: string } | undefined> => {
    const { activeTargets } = await get("targets", targetsSchema);
    return activeTargets.find(({ health }) => health !== "unknown");
  };
  const waitFor = async <T>(what: () => Promise<T | undefined>): Promise<T> => {
    for (let tries = 0; tries < 300 && child.exitCode === null; tries++) {
      const found = await what().catch(() => undefined);
      if (found !== undefined) return found;
      await sleep(100);
    }
    await stop();
    throw new Error(`Prometheus does not answer:\n${log}`);
  };
  await waitFor(() => get("status/buildinfo", z.unknown()));
  return {
    query: async (expression) => {
      const { result } = await get(`query?query=${encodeURIComponent(expression)}`, vectorSchema);
      return result.map(({ metric, value }) => ({ labels: metric, value: Number(value[1]) }));
    },
    metadata: async (name) => {
      const found = await get(`metadata?metric=${name}`, metadataSchema);
      return found[name]?.[0];
    },
    target: () => waitFor(read),
    stop,
  };
}

const succeeded = z.object({ status: z.literal("success"), data: z.unknown() });
const targetsSchema = z.object({
  activeTargets: z.array(z.object({ health: z.string(), lastError: z.string() })),
});
const vectorSchema = z.object({
  result: z.array(
    z.object({
      metric: z.record(z.string(), z.string()),
      value: z.tuple([z.number(), z.string()]),
    }),
  ),
});
const metadataSchema = z.record(
  z.string(),
  z.array(z.object({ type: z.string(), help: z.string(), unit: z.string() })),
);
