// `npm run bench [part of a name …]`: measures what Tocsin costs, beside what it is compared with.
//
// Every scenario runs each variant in turn, round after round, in one server on this machine, and
// reports the median of the rounds' ratios: machines are noisy, ratios within a round are not. The
// work is done inside the server, so that no client's own time flatters the result.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { applyMigrations, bootstrapDatabase, withClient } from "../dev/database.ts";
import { repository } from "../dev/paths.ts";
import { startPostgres, superuser } from "../dev/postgres.ts";
import { captureScenarios, createGuardTables, createTables } from "./capture.ts";
import { median, type Result } from "./measure.ts";

const rounds = Number(process.env["TOCSIN_BENCH_ROUNDS"] ?? 7);
const filters = process.argv.slice(2);

const server = await startPostgres({ unsafe: false });
try {
  await bootstrapDatabase(server.url(superuser));
  await applyMigrations(server.url());
  await withClient(server.url(), createTables);
  await withClient(server.url(), createGuardTables);

  const results: Result[] = [];
  for (const scenario of captureScenarios) {
    if (filters.length > 0 && !filters.some((part) => scenario.name.includes(part))) continue;
    console.log(`\n${scenario.name}: ${scenario.description}`);
    const samples: Record<string, number>[] = [];
    for (let round = 0; round < rounds; round++) {
      const sample: Record<string, number> = {};
      // the order turns with the rounds, so that no variant is always the first
      const variants = scenario.variants.map(
        (_, i, all) => all[(i + round) % all.length] as string,
      );
      for (const variant of variants) sample[variant] = await scenario.run(server.url(), variant);
      samples.push(sample);
    }
    for (const variant of scenario.variants) {
      const values = samples.map((sample) => sample[variant] ?? Number.NaN);
      const ratios = samples.map((s) => (s[variant] ?? NaN) / (s["untouched"] ?? NaN));
      const result: Result = {
        scenario: scenario.name,
        variant,
        unit: scenario.unit,
        median: median(values),
        ratio: median(ratios),
        rounds,
      };
      results.push(result);
      console.log(
        `  ${variant.padEnd(12)} ${result.median.toFixed(1).padStart(10)} ${scenario.unit}` +
          `   ${result.ratio.toFixed(3)} of untouched${variant === "tocsin" ? `   (budget: ${scenario.budget})` : ""}`,
      );
    }
  }

  const directory = join(repository, "bench/results");
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, "capture.json"), `${JSON.stringify(results, null, 2)}\n`);
  console.log(`\nWritten to bench/results/capture.json`);
} finally {
  await server.stop();
}
