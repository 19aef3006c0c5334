// `npm run bench [suite [part of a scenario's name …]]`: measures what Tocsin costs, beside what it
// is compared with. `npm run bench list` says which suites there are. See bench/README.md.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { repository } from "../dev/paths.ts";
import { suites } from "./suites.ts";

const [name, ...only] = process.argv.slice(2);
const rounds = Number(process.env["TOCSIN_BENCH_ROUNDS"]) || undefined;
const chosen = suites.filter((suite) => name === undefined || suite.name === name);

if (chosen.length === 0) {
  if (name !== "list") console.error(`There is no suite "${name}".`);
  for (const suite of suites) console.log(`${suite.name.padEnd(12)} ${suite.description}`);
  process.exitCode = name === "list" ? 0 : 1;
}

const directory = join(repository, "bench/results");
mkdirSync(directory, { recursive: true });
for (const suite of chosen) {
  console.log(`\n== ${suite.name}: ${suite.description}`);
  const results = await suite.run({ only, rounds });
  if (results.length === 0) {
    console.error(`No scenario of ${suite.name} has a name with ${only.join(" or ")} in it.`);
    process.exitCode = 1;
    continue;
  }
  const file = join(directory, `${suite.name}.json`);
  const machine = { cpus: cpus().length, model: cpus()[0]?.model ?? "unknown" };
  const kept =
    only.length === 0
      ? []
      : others(
          file,
          results.map((result) => result.scenario),
        );
  writeFileSync(file, `${JSON.stringify({ machine, results: [...kept, ...results] }, null, 2)}\n`);
  console.log(`\nWritten to bench/results/${suite.name}.json`);
}

/** What a file has of other scenarios: a part of a suite replaces its own lines only. */
function others(file: string, scenarios: string[]): unknown[] {
  const schema = z.object({ results: z.array(z.looseObject({ scenario: z.string() })) });
  if (!existsSync(file)) return [];
  const parsed = schema.safeParse(JSON.parse(readFileSync(file, "utf8")));
  return (parsed.data?.results ?? []).filter(({ scenario }) => !scenarios.includes(scenario));
}
