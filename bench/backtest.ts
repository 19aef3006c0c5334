// How long a backtest takes over 30 days. Budget: 2 s for a rate of one workflow.

import { withClient } from "../dev/database.ts";
import { fillBuckets } from "./buckets.ts";
import { cpuOf, median, type Options, type Result, type Suite, withServer } from "./measure.ts";

const until = "2026-03-31T00:00:00Z";

export const backtestSuite: Suite = {
  name: "backtest",
  description: "how long 30 days of a setting take to be replayed",
  run: measureAll,
};

type Scenario = { name: string; description: string; setting: object; budget?: string };

const of = (kind: string, more: object = {}): object => ({
  kind,
  project_id: "p1",
  workflow_id: "w1",
  created_at: "2026-01-01",
  ...more,
});

const scenarios: Scenario[] = [
  {
    name: "rate",
    description: "failure_rate of one workflow that runs every minute",
    setting: of("failure_rate"),
    budget: "<= 2000 ms",
  },
  {
    name: "rate_of_100",
    description: "failure_rate of each of 100 workflows of a project",
    setting: of("failure_rate", { project_id: "p0", workflow_id: null }),
  },
  { name: "slow", description: "run_slow of one workflow", setting: of("run_slow") },
  { name: "slo", description: "slo_burn of one workflow", setting: of("slo_burn") },
  {
    name: "failures",
    description: "run_failed of one workflow that failed 5,000 times, with its recoveries",
    setting: of("run_failed", { parameters: { resolve_on_success: true } }),
  },
];

async function measureAll(options: Options): Promise<Result[]> {
  const rounds = options.rounds ?? 5;
  return withServer((server) =>
    withClient(server.url(), async (client) => {
      await fillBuckets(client, { workflows: 1, projects: 1, busy: 1, until, days: 31 });
      await client.query(
        `update tocsin_internal.run_buckets set project_id = 'p1', workflow_id = 'w1'`,
      );
      await fillBuckets(client, { workflows: 100, projects: 1, busy: 0, until, days: 31 });
      await client.query(
        `insert into tocsin.error_metrics (error_id, timestamp, source, error_type, severity,
           project_id, workflow_id, source_id, run_id, message, fingerprint, ingested_at)
         select gen_random_uuid(), at, 'worker', 'execution', 'high', 'p1', 'w1', 's', n, 'boom',
           'f', at + interval '3 seconds'
         from generate_series(1, 5000) as n
         cross join lateral (
           select $1::timestamptz - interval '29 days' + n * interval '8 minutes' as at) as t`,
        [until],
      );
      await client.query("vacuum analyze tocsin.error_metrics");
      const { rows } = await client.query<{ pid: number }>("select pg_backend_pid() as pid");
      const pid = rows[0]?.pid ?? 0;
      const results: Result[] = [];
      for (const { name, description, setting, budget } of scenarios) {
        if (options.only.length > 0 && !options.only.some((part) => name.includes(part))) continue;
        const samples = [];
        let told = "";
        for (let round = 0; round <= rounds; round++) {
          const cpuBefore = cpuOf(pid);
          const began = process.hrtime.bigint();
          const { rows: answers } = await client.query<{ summary: { text: string } }>(
            "select tocsin.backtest($1, p_now => $2) -> 'summary' as summary",
            [setting, until],
          );
          const ms = Number(process.hrtime.bigint() - began) / 1e6;
          told = answers[0]?.summary.text ?? "";
          if (round > 0) samples.push({ ms, cpu: (cpuOf(pid) - cpuBefore) * 1000 });
        }
        const ms = median(samples.map((sample) => sample.ms));
        const cpu = median(samples.map((sample) => sample.cpu));
        console.log(
          `\n${name}: ${description}\n  ${ms.toFixed(0)} ms   CPU ${cpu.toFixed(0)} ms` +
            (budget === undefined ? "" : `   (budget: ${budget})`) +
            `\n  ${told || "nothing"}`,
        );
        const figures = { scenario: name, description, variant: "tocsin", unit: "ms", median: ms };
        results.push({
          ...{ ...figures, ratio: 1, cpu, rounds },
          ...(budget === undefined ? {} : { budget }),
        });
      }
      return results;
    }),
  );
}
