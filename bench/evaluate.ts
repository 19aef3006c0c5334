// What a minute's evaluation costs: 1,000 settings, 20 of them for everything, over 10,000
// workflows, of which a tenth runs every minute and the others once an hour. Budget: 500 ms in all.

import type pg from "pg";
import { withClient } from "../dev/database.ts";
import { cpuOf, median, type Options, type Result, type Suite, withServer } from "./measure.ts";
import { fillBuckets } from "./buckets.ts";

const now = "2026-03-04T12:00:06Z";
const minute = "2026-03-04T12:00:00Z";

export const evaluateSuite: Suite = {
  name: "evaluate",
  description: "what a minute's evaluation of 1,000 settings over 10,000 workflows costs",
  run: measureAll,
};

type Scenario = {
  name: string;
  description: string;
  /** The kinds of the settings for projects and workflows, and of those for everything. */
  kinds: string[];
  everything: string[];
  budget: boolean;
};

const times = (count: number, kind: string): string[] => Array.from({ length: count }, () => kind);

/** What people set: rates and counts mostly, and some of the others. Twenty, to be repeated. */
const usual = [
  ...times(8, "failure_rate"),
  ...times(3, "success_rate"),
  ...times(3, "failure_count"),
  ...times(2, "run_missing"),
  ...times(2, "run_slow"),
  ...times(1, "rate_changed"),
  ...times(1, "slo_burn"),
];

const scenarios: Scenario[] = [
  {
    name: "a_minute",
    description: "980 settings of projects and workflows and 20 for everything, of seven kinds",
    kinds: usual,
    everything: usual,
    budget: true,
  },
  {
    name: "rates",
    description: "980 failure rates of projects and workflows and 20 for everything",
    kinds: ["failure_rate"],
    everything: times(20, "failure_rate"),
    budget: true,
  },
  {
    name: "no_global",
    description: "the 980 of projects and workflows alone, of seven kinds",
    kinds: usual,
    everything: [],
    budget: false,
  },
];

/** One minute, in a transaction that is undone: milliseconds. */
async function measure(
  client: pg.Client,
  pid: number,
  { name, kinds, everything }: Scenario,
): Promise<{ ms: number; cpu: number }> {
  await client.query("begin");
  try {
    await client.query(
      `insert into tocsin.alert_settings (name, kind, project_id, workflow_id, created_at)
       select 's' || n, ($1::text[])[1 + n % cardinality($1::text[])], 'p' || n % 100,
         case when n % 3 > 0 then 'w' || n % 100 + 100 * (n % 97) end, '2026-01-01'
       from generate_series(1, 980) as n`,
      [kinds],
    );
    await client.query(
      `insert into tocsin.alert_settings (name, kind, created_at)
       select 'all', kind, '2026-01-01' from unnest($1::text[]) as kind`,
      [everything],
    );
    await client.query(
      `insert into tocsin_internal.evaluated_settings
       select setting_id, $1::timestamptz - interval '1 minute' from tocsin.alert_settings`,
      [minute],
    );
    const cpuBefore = cpuOf(pid);
    const began = process.hrtime.bigint();
    await client.query("select tocsin_internal.evaluate($1)", [now]);
    const ms = Number(process.hrtime.bigint() - began) / 1e6;
    const cpu = (cpuOf(pid) - cpuBefore) * 1000;
    const { rows } = await client.query<{ judged: number; faults: number; alerts: number }>(
      `select (select count(*)::int from tocsin_internal.evaluated_settings
          where evaluated_until = $1) as judged,
        (select count(*)::int from tocsin_internal.stage_faults) as faults,
        (select count(*)::int from tocsin.alerts) as alerts`,
      [minute],
    );
    const { judged, faults, alerts } = rows[0] ?? { judged: 0, faults: 0, alerts: 0 };
    if (judged !== 980 + everything.length || faults > 0 || alerts === 0) {
      throw new Error(`${name}: ${judged} were judged, ${faults} faults, ${alerts} alerts`);
    }
    return { ms, cpu };
  } finally {
    await client.query("rollback");
  }
}

async function measureAll(options: Options): Promise<Result[]> {
  const rounds = options.rounds ?? 5;
  return withServer((server) =>
    withClient(server.url(), async (client) => {
      await fillBuckets(client, { workflows: 10_000, projects: 100, busy: 1_000, until: minute });
      const { rows } = await client.query<{ pid: number }>("select pg_backend_pid() as pid");
      const pid = rows[0]?.pid ?? 0;
      const results: Result[] = [];
      for (const scenario of scenarios) {
        const { name, description, budget } = scenario;
        if (options.only.length > 0 && !options.only.some((part) => name.includes(part))) continue;
        const samples = [];
        for (let round = 0; round <= rounds; round++) {
          const sample = await measure(client, pid, scenario);
          if (round > 0) samples.push(sample); // the first compiles
        }
        const ms = median(samples.map((sample) => sample.ms));
        const cpu = median(samples.map((sample) => sample.cpu));
        const limit = budget ? "<= 500 ms" : undefined;
        console.log(
          `\n${name}: ${description}\n  ${ms.toFixed(0)} ms a minute   CPU ${cpu.toFixed(0)} ms` +
            (limit === undefined ? "" : `   (budget: ${limit})`),
        );
        const unit = "ms a minute";
        const figures = { scenario: name, description, variant: "tocsin", unit, median: ms };
        results.push({
          ...{ ...figures, ratio: 1, cpu, rounds },
          ...(limit === undefined ? {} : { budget: limit }),
        });
      }
      return results;
    }),
  );
}
