// What admission costs an event, from the stored failure to its decision, its notification and its
// deliveries. Budget: 1 ms an event.
//   node bench/admission.ts

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type pg from "pg";
import { applyMigrations, bootstrapDatabase, withClient } from "../dev/database.ts";
import { repository } from "../dev/paths.ts";
import { startPostgres, superuser } from "../dev/postgres.ts";
import { median } from "./measure.ts";

const rounds = Number(process.env["TOCSIN_BENCH_ROUNDS"] ?? 7);

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

/** One batch, in a transaction that is undone. Returns milliseconds for each decision. */
async function measure(client: pg.Client, scenario: Scenario, at: string): Promise<number> {
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
    const began = process.hrtime.bigint();
    await client.query(
      `select tocsin_internal.admit_errors(array(
         select error_id from tocsin.error_metrics where ingested_at = $1), $1)`,
      [at],
    );
    const milliseconds = Number(process.hrtime.bigint() - began) / 1e6;
    const { rows } = await client.query<{ decisions: number }>(
      "select count(*)::int as decisions from tocsin.alert_logs where decided_at = $1",
      [at],
    );
    const expected = scenario.events * scenario.settings;
    if (rows[0]?.decisions !== expected) {
      throw new Error(`${scenario.name}: ${rows[0]?.decisions} decisions instead of ${expected}`);
    }
    return milliseconds / expected;
  } finally {
    await client.query("rollback");
  }
}

const server = await startPostgres({ unsafe: false });
try {
  await bootstrapDatabase(server.url(superuser));
  await applyMigrations(server.url());
  const results = await withClient(server.url(), async (client) => {
    await prepare(client);
    const all = [];
    for (const scenario of scenarios) {
      const samples: number[] = [];
      for (let round = 0; round <= rounds; round++) {
        const sample = await measure(client, scenario, `2026-03-04 10:0${round % 10}Z`);
        if (round > 0) samples.push(sample); // the first compiles
      }
      const result = {
        scenario: scenario.name,
        unit: "ms an event and setting",
        median: median(samples),
        budget: scenario.budget,
        rounds,
      };
      all.push(result);
      console.log(
        `${scenario.name}: ${scenario.description}\n  ${result.median.toFixed(4)} ${result.unit}` +
          (result.budget === null
            ? ""
            : `   (budget: ${result.budget}, ${result.median <= result.budget ? "kept" : "BROKEN"})`),
      );
    }
    return all;
  });
  const directory = join(repository, "bench/results");
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, "admission.json"), `${JSON.stringify(results, null, 2)}\n`);
  console.log("\nWritten to bench/results/admission.json");
  if (results.some(({ median: ms, budget }) => budget !== null && ms > budget))
    process.exitCode = 1;
} finally {
  await server.stop();
}
