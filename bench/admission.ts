// What admission costs an event, from the stored failure to its decision, its notification and its
// deliveries. Budget: 1 ms an event.

import type pg from "pg";
import { withClient } from "../dev/database.ts";
import { cpuOf, median, type Options, type Result, type Suite, withServer } from "./measure.ts";

export const admissionSuite: Suite = {
  name: "admission",
  description: "what deciding a stored failure costs, with its notification and deliveries",
  run: measureAll,
};

type Scenario = {
  name: string;
  description: string;
  /** How many events a batch has, and of how many workflows. */
  events: number;
  workflows: number;
  settings: number;
  /** A failure that comes alone pays for its whole beat: no budget, shown for what that costs. */
  budget: number | null;
};

const scenarios: Scenario[] = [
  {
    name: "storm",
    description: "1,000 failures of one workflow, one setting",
    events: 1000,
    workflows: 1,
    settings: 1,
    budget: 1,
  },
  {
    name: "many_workflows",
    description: "1,000 failures of 1,000 workflows, one setting: each is told",
    events: 1000,
    workflows: 1000,
    settings: 1,
    budget: 1,
  },
  {
    name: "many_settings",
    description: "100 failures of 10 workflows, 50 settings that want them all",
    events: 100,
    workflows: 10,
    settings: 50,
    budget: 1,
  },
  {
    name: "a_single_one",
    description: "one failure, one setting: it is told",
    events: 1,
    workflows: 1,
    settings: 1,
    budget: null,
  },
];

/** What people may have set: each failure is held against all of it. */
async function prepare(client: pg.Client): Promise<void> {
  await client.query(`
    insert into tocsin.alert_channels (name, kind, recipients)
    values ('mail', 'email', '{a@b.test}');
    insert into tocsin.quiet_periods (name, time_zone, starts_at, ends_at)
    values ('night', 'Europe/Berlin', '22:00', '06:00');
    insert into tocsin.silences (reason, workflow_pattern, starts_at, ends_at)
    values ('a deploy', 'deploy-*', '2026-01-01', '2026-12-01');
    insert into tocsin.alert_routes (name, channel_id, min_severity, workflow_pattern)
    select 'severe', channel_id, 'high', 'billing-*' from tocsin.alert_channels`);
}

/** One batch, in a transaction that is undone: milliseconds for each decision. */
async function measure(
  client: pg.Client,
  pid: number,
  scenario: Scenario,
  at: string,
): Promise<{ ms: number; cpu: number }> {
  await client.query("begin");
  try {
    await client.query(
      `insert into tocsin.alert_settings (name) select 's' || n from generate_series(1, $1) as n`,
      [scenario.settings],
    );
    await client.query(`insert into tocsin.alert_setting_channels (setting_id, channel_id)
      select setting_id, channel_id from tocsin.alert_settings, tocsin.alert_channels`);
    await client.query(
      `insert into tocsin.error_metrics (error_id, timestamp, source, error_type, severity,
         project_id, workflow_id, source_id, run_id, message, fingerprint, ingested_at)
       select gen_random_uuid(), $1, 'worker', 'execution', 'high', 'p', 'w' || n % $3, 'runs', n,
         'connection refused by db-' || n, 'f', $1
       from generate_series(1, $2::int) as n`,
      [at, scenario.events, scenario.workflows],
    );
    const cpuBefore = cpuOf(pid);
    const began = process.hrtime.bigint();
    await client.query(
      `select tocsin_internal.admit_errors(array(
         select error_id from tocsin.error_metrics where ingested_at = $1), $1)`,
      [at],
    );
    const milliseconds = Number(process.hrtime.bigint() - began) / 1e6;
    const cpu = (cpuOf(pid) - cpuBefore) * 1000;
    const { rows } = await client.query<{ decisions: number }>(
      "select count(*)::int as decisions from tocsin.alert_logs where decided_at = $1",
      [at],
    );
    const expected = scenario.events * scenario.settings;
    if (rows[0]?.decisions !== expected) {
      throw new Error(`${scenario.name}: ${rows[0]?.decisions} decisions instead of ${expected}`);
    }
    return { ms: milliseconds / expected, cpu: cpu / expected };
  } finally {
    await client.query("rollback");
  }
}

async function measureAll(options: Options): Promise<Result[]> {
  const rounds = options.rounds ?? 7;
  return withServer((server) =>
    withClient(server.url(), async (client) => {
      await prepare(client);
      const { rows } = await client.query<{ pid: number }>("select pg_backend_pid() as pid");
      const pid = rows[0]?.pid ?? 0;
      const results: Result[] = [];
      for (const { name, description, ...rest } of scenarios) {
        if (options.only.length > 0 && !options.only.some((part) => name.includes(part))) continue;
        const samples = [];
        for (let round = 0; round <= rounds; round++) {
          const at = `2026-03-04 10:${String(round).padStart(2, "0")}Z`;
          const sample = await measure(client, pid, { name, description, ...rest }, at);
          if (round > 0) samples.push(sample); // the first compiles
        }
        const ms = median(samples.map((sample) => sample.ms));
        const cpu = median(samples.map((sample) => sample.cpu));
        const unit = "ms an event and setting";
        const budget = rest.budget === null ? undefined : `<= ${rest.budget} ms`;
        console.log(
          `\n${name}: ${description}\n  ${ms.toFixed(3)} ${unit}   CPU ${cpu.toFixed(3)} ms` +
            (budget === undefined ? "" : `   (budget: ${budget})`),
        );
        const result = { scenario: name, description, variant: "tocsin", unit, median: ms };
        const figures = { ...result, ratio: 1, cpu, rounds };
        results.push(budget === undefined ? figures : { ...figures, budget });
      }
      return results;
    }),
  );
}
