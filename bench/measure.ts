// What the suites share: how a comparison is described, timed, judged and told.
//
// Every scenario runs each of its variants in turn, round after round, in one server on one machine,
// and reports the median of the rounds' ratios: machines are noisy, ratios within a round less so.
// Beside the clock stands the CPU time of the server's own processes, which other work on the
// machine changes little.

import { readFileSync } from "node:fs";
import pg from "pg";
import { applyMigrations, bootstrapDatabase } from "../dev/database.ts";
import { startPostgres, superuser, type Postgres } from "../dev/postgres.ts";

/** One round of one variant. */
export type Sample = {
  /** The figure, in the scenario's unit. */
  value: number;
  /** Microseconds of CPU that the server's sessions took for one piece of the work; Linux only. */
  cpu?: number | undefined;
};

export type Scenario = {
  name: string;
  description: string;
  unit: string;
  /** What design asks of the variant `judged`, in words. */
  budget?: string;
  /** The first is what the others are held against. */
  variants: string[];
  judged?: string;
  rounds?: number;
  run: (variant: string, round: number) => Promise<Sample>;
};

export type Result = {
  scenario: string;
  description: string;
  variant: string;
  unit: string;
  median: number;
  /** The median of the rounds' ratios to the first variant. */
  ratio: number;
  cpu?: number;
  cpuRatio?: number;
  rounds: number;
  budget?: string;
};

export type Options = { only: string[]; rounds: number | undefined };

export type Suite = {
  /** The name of its file, and of its results. */
  name: string;
  description: string;
  run: (options: Options) => Promise<Result[]>;
};

export function median(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/** A server of its own with the product on it, as safe and as slow on the disk as a real one. */
export async function withServer<Done>(work: (server: Postgres) => Promise<Done>): Promise<Done> {
  const server = await startPostgres({ unsafe: false });
  // the server alone does not keep us here, and its end is to be waited for
  const here = setInterval(() => undefined, 60_000);
  try {
    await bootstrapDatabase(server.url(superuser));
    await applyMigrations(server.url());
    return await work(server);
  } finally {
    await server.stop();
    clearInterval(here);
  }
}

/** Runs the scenarios that are asked for, prints each as it is done, and returns all figures. */
export async function compare(scenarios: Scenario[], options: Options): Promise<Result[]> {
  const wanted = scenarios.filter(
    ({ name }) => options.only.length === 0 || options.only.some((part) => name.includes(part)),
  );
  const results: Result[] = [];
  for (const scenario of wanted) {
    console.log(`\n${scenario.name}: ${scenario.description}`);
    const rounds = options.rounds ?? scenario.rounds ?? 7;
    const samples: Map<string, Sample>[] = [];
    for (let round = 0; round < rounds; round++) {
      // the order turns with the rounds, so that no variant is always the first
      const turn = round % scenario.variants.length;
      const order = [...scenario.variants.slice(turn), ...scenario.variants.slice(0, turn)];
      const sample = new Map<string, Sample>();
      for (const variant of order) sample.set(variant, await scenario.run(variant, round));
      samples.push(sample);
    }
    for (const variant of scenario.variants) {
      const result = judge(scenario, variant, samples);
      results.push(result);
      console.log(line(result));
    }
  }
  return results;
}

function judge(scenario: Scenario, variant: string, samples: Map<string, Sample>[]): Result {
  const first = scenario.variants[0] ?? "";
  const column = (name: string, key: keyof Sample): number[] =>
    samples.map((sample) => sample.get(name)?.[key] ?? Number.NaN);
  const ratios = (key: keyof Sample): number[] => {
    const bases = column(first, key);
    return column(variant, key).map((value, round) => value / (bases[round] ?? Number.NaN));
  };
  const cpu = median(column(variant, "cpu"));
  return {
    scenario: scenario.name,
    description: scenario.description,
    variant,
    unit: scenario.unit,
    median: median(column(variant, "value")),
    ratio: median(ratios("value")),
    ...(Number.isNaN(cpu) ? {} : { cpu, cpuRatio: median(ratios("cpu")) }),
    rounds: samples.length,
    ...(scenario.budget !== undefined && variant === (scenario.judged ?? "tocsin")
      ? { budget: scenario.budget }
      : {}),
  };
}

function line(result: Result): string {
  const digits = result.median < 10 ? 2 : result.median < 1000 ? 1 : 0;
  return [
    `  ${result.variant.padEnd(16)}`,
    `${result.median.toFixed(digits)} ${result.unit}`.padStart(18),
    `x ${result.ratio.toFixed(3)}`.padStart(10),
    result.cpu === undefined
      ? ""
      : `   CPU ${result.cpu.toFixed(1)} us, x ${(result.cpuRatio ?? Number.NaN).toFixed(3)}`,
    result.budget === undefined ? "" : `   (budget: ${result.budget})`,
  ].join("");
}

/** Seconds of CPU that a process of this machine has used; not a number where nobody tells. */
export function cpuOf(pid: number): number {
  try {
    return Number(readFileSync(`/proc/${pid}/schedstat`, "utf8").split(" ")[0]) / 1e9;
  } catch {
    return Number.NaN;
  }
}

export type Session = { client: pg.Client; number: number; pid: number };

/** Opens sessions, lets each warm up, and only then times the work of all of them. */
export async function timeSessions(
  url: string,
  count: number,
  work: (session: Session) => Promise<unknown>,
  warm?: (session: Session) => Promise<unknown>,
): Promise<{ seconds: number; cpu: number }> {
  const sessions = await Promise.all(
    Array.from({ length: count }, async (_, number): Promise<Session> => {
      const client = new pg.Client({ connectionString: url });
      await client.connect();
      await client.query("set statement_timeout = 0");
      const { rows } = await client.query<{ pid: number }>("select pg_backend_pid() as pid");
      return { client, number, pid: rows[0]?.pid ?? 0 };
    }),
  );
  const cpu = (): number => sessions.reduce((sum, { pid }) => sum + cpuOf(pid), 0);
  try {
    if (warm) await Promise.all(sessions.map(warm));
    const cpuBefore = cpu();
    const began = process.hrtime.bigint();
    await Promise.all(sessions.map(work));
    return {
      seconds: Number(process.hrtime.bigint() - began) / 1e9,
      cpu: cpu() - cpuBefore,
    };
  } finally {
    await Promise.all(sessions.map(({ client }) => client.end()));
  }
}

/** Times one statement, by the clock and by the session's CPU, in milliseconds. */
export async function timeStatement(
  session: { client: pg.Client; pid: number },
  sql: string,
): Promise<{ ms: number; cpuMs: number }> {
  const cpuBefore = cpuOf(session.pid);
  const began = process.hrtime.bigint();
  await session.client.query(sql);
  const ms = Number(process.hrtime.bigint() - began) / 1e6;
  return { ms, cpuMs: (cpuOf(session.pid) - cpuBefore) * 1000 };
}

/** One session of one's own. */
export async function withSession<Done>(
  url: string,
  work: (session: Session) => Promise<Done>,
): Promise<Done> {
  let done: Done | undefined;
  await timeSessions(url, 1, async (session) => {
    done = await work(session);
  });
  return done as Done;
}
