// npm test: everything that needs only npm packages. First the tests of node:test (the SQL's pgTAP
// files among them, and the end-to-end tests in tests/), then those of the functions, in Deno.
//   npm test -- runs/ gateway       only files whose path contains one of these

import { spawn } from "node:child_process";
import { globSync } from "node:fs";
import { join } from "node:path";
import { run } from "node:test";
import { spec } from "node:test/reporters";
import { cacheFunction, denoBinary, denoEnv, functionNames, functionsDir } from "../deno.ts";
import { repository } from "../paths.ts";

const filters = process.argv.slice(2);
const isChosen = (file: string): boolean =>
  filters.length === 0 || filters.some((part) => file.includes(part));
const find = (...patterns: string[]): string[] =>
  globSync(patterns, { cwd: repository, exclude: ["**/node_modules/**"] })
    .filter(isChosen)
    .sort();

type Part = { name: string; passed: number; failed: number; skipped: number; seconds: number };
const parts: Part[] = [];

const sqlFiles = find("supabase/tests/**/*.test.sql");
const nodeFiles = [
  ...(sqlFiles.length > 0 || filters.length === 0 ? ["dev/test/pgtap.ts"] : []),
  ...find("dev/**/*.test.ts", "packages/*/**/*.test.ts", "cli/**/*.test.ts", "tests/**/*.test.ts"),
];
if (nodeFiles.length > 0) parts.push(await runNodeTests(nodeFiles));

for (const [index, name] of functionNames().entries()) {
  // What they share is tested with the first.
  const folders = [name, ...(index === 0 ? ["_shared"] : [])];
  const files = folders.flatMap((folder) => find(`supabase/functions/${folder}/**/*_test.ts`));
  if (files.length > 0) parts.push(await runDenoTests(name, files));
}

console.log("\nSummary");
for (const { name, passed, failed, skipped, seconds } of parts) {
  const counts = `${passed} passed, ${failed} failed${skipped ? `, ${skipped} skipped` : ""}`;
  console.log(`  ${failed ? "✖" : "✔"} ${name.padEnd(32)} ${counts}  (${seconds.toFixed(0)} s)`);
}
if (parts.length === 0) console.log(`  No test file's path contains: ${filters.join(" ")}`);
process.exit(parts.length === 0 || parts.some(({ failed }) => failed > 0) ? 1 : 0);

async function runNodeTests(files: string[]): Promise<Part> {
  console.log("Database, stack and end to end (node:test)\n");
  const started = Date.now();
  const events = run({
    files: files.map((file) => join(repository, file)),
    argv: filters,
    concurrency: 2,
    cwd: repository,
  });
  const part: Part = { name: "node:test", passed: 0, failed: 0, skipped: 0, seconds: 0 };
  events.on("test:summary", ({ file, counts }) => {
    if (file !== undefined) return; // one more for each file
    part.passed = counts.passed;
    part.failed = counts.tests - counts.passed - counts.skipped - counts.todo;
    part.skipped = counts.skipped;
  });
  await new Promise((done) => {
    const report = events.compose(spec);
    report.on("end", done);
    report.pipe(process.stdout);
  });
  return { ...part, seconds: (Date.now() - started) / 1000 };
}

/** Tests of a function, with its own deno.json and lock file. */
async function runDenoTests(name: string, files: string[]): Promise<Part> {
  console.log(`\nFunction ${name} (deno test)\n`);
  const started = Date.now();
  await cacheFunction(name);
  const paths = files.map((file) => join(repository, file));
  const child = spawn(denoBinary, ["test", "--no-prompt", "--allow-all", "--frozen", ...paths], {
    cwd: join(functionsDir, name),
    env: denoEnv(),
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => {
    output += chunk.toString();
    process.stdout.write(chunk);
  });
  const code = await new Promise<number | null>((done) => child.once("close", done));
  const [, passed = "0", failed = "0"] = /(\d+) passed.*?(\d+) failed/.exec(output) ?? [];
  return {
    name: `deno test ${name}`,
    passed: Number(passed),
    failed: code === 0 ? Number(failed) : Math.max(1, Number(failed)),
    skipped: 0,
    seconds: (Date.now() - started) / 1000,
  };
}
