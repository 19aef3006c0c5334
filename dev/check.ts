// npm run check: format, lint and types, of everything. All checks run, whatever fails.
//   npm run format       the same with --fix: mends what a machine can mend

import { spawn } from "node:child_process";
import { globSync } from "node:fs";
import { join } from "node:path";
import { cacheFunction, denoBinary, denoEnv, functionNames, functionsDir } from "./deno.ts";
import { dashboardDir, syncDashboard } from "./dashboard.ts";
import { missingPackages, readLock } from "./lockfile.ts";
import { repository } from "./paths.ts";
import { checkSqlFile } from "./sql-style.ts";

/** What is wrong, as text for people; empty when nothing is. */
type Check = { name: string; run: () => Promise<string> };

const fix = process.argv.includes("--fix");
const bin = (name: string): string => join(repository, "node_modules/.bin", name);
const inDeno = (name: string): string => join(functionsDir, name);

const checks: Check[] = [
  {
    name: "format (prettier)",
    run: () => command(bin("prettier"), [fix ? "--write" : "--check", "--log-level=warn", "."]),
  },
  {
    name: "lint (eslint)",
    run: () => command(bin("eslint"), ["--max-warnings=0", ...(fix ? ["--fix"] : []), "."]),
  },
  {
    name: "types of the dashboard (svelte-check)",
    run: () =>
      command(
        bin("svelte-check"),
        ["--fail-on-warnings", "--output", "human", "--threshold", "warning"],
        dashboardDir,
      ),
  },
  { name: "types (tsc)", run: () => command(bin("tsc"), ["-p", "."]) },
  {
    name: "types of the client (tsc)",
    run: async () => {
      // by itself, without Node's types; then with its tests
      const alone = ["-p", "packages/client/tsconfig.build.json", "--noEmit"];
      const output = await command(bin("tsc"), alone);
      return output || command(bin("tsc"), ["-p", "packages/client"]);
    },
  },
  {
    name: "types of the command line (tsc)",
    run: async () => {
      // as it is built; then with its tests
      const alone = ["-p", "cli/tsconfig.build.json", "--noEmit"];
      return (await command(bin("tsc"), alone)) || command(bin("tsc"), ["-p", "cli"]);
    },
  },
  ...functionNames().map((name) => ({
    name: `types of ${name} (deno check)`,
    run: async () => {
      await cacheFunction(name);
      return command(denoBinary, ["check", "--quiet", ".", "../_shared"], inDeno(name));
    },
  })),
  {
    name: "lint of the functions (deno lint)",
    run: () => command(denoBinary, ["lint", "--quiet", ...(fix ? ["--fix"] : [])], functionsDir),
  },
  {
    name: "SQL syntax (postgres-language-server)",
    run: async () =>
      // Its warnings are about migrations of big tables in use; ours make their own. It shows 20
      // findings at most unless told otherwise, the warnings that it does not print among them.
      withoutKnownLimits(
        await command(bin("postgres-language-server"), [
          ...["check", "--disable-db", "--diagnostic-level=error", "--max-diagnostics=none"],
          ...["supabase", "dev/supabase", "cli/sql"],
        ]),
      ),
  },
  { name: "SQL style", run: () => Promise.resolve(checkSqlFiles()) },
  { name: "package-lock.json", run: () => Promise.resolve(checkLock()) },
];

// What SvelteKit generates is read by the linter as well.
await syncDashboard();

let failed = 0;
for (const { name, run } of checks) {
  const started = Date.now();
  const output = await run().catch((error: unknown) => String(error));
  const seconds = ((Date.now() - started) / 1000).toFixed(1);
  console.log(`${output ? "✖" : "✔"} ${name} (${seconds} s)`);
  if (output) {
    failed += 1;
    console.log(output.replace(/^/gm, "    "));
  }
}
if (failed > 0) {
  const hint = fix ? "" : ' "npm run format" mends what a machine can mend.';
  console.log(`\n${failed} of ${checks.length} checks failed.${hint}`);
  process.exitCode = 1;
}

async function command(path: string, args: string[], cwd = repository): Promise<string> {
  const child = spawn(path, args, {
    cwd,
    env: { ...process.env, ...denoEnv() },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const code = await new Promise<number | null>((done, fail) => {
    child.once("error", fail);
    child.once("close", done);
  });
  return code === 0 ? "" : output.trim() || `exit code ${code}`;
}

/**
 * Leaves out what the language server says of SQL that Postgres takes: it parses no body of several
 * statements, and takes every type that it does not know for a record.
 */
function withoutKnownLimits(output: string): string {
  return output
    .split(/^(?=\S+:\d+:\d+ \w+ ━)/m)
    .filter((finding) => /^\S+:\d+:\d+ \w+ ━/.test(finding))
    .filter(
      (finding) =>
        !/No root node found in parse result|record variable cannot be part/.test(finding),
    )
    .join("")
    .trim();
}

function checkSqlFiles(): string {
  const files = globSync("{supabase,dev,bench,tests,cli/sql}/**/*.sql", { cwd: repository });
  return files
    .sort()
    .flatMap((file) =>
      checkSqlFile(join(repository, file)).map(
        ({ line, message }) => `${file}:${line}: ${message}`,
      ),
    )
    .join("\n");
}

function checkLock(): string {
  const missing = missingPackages(readLock());
  if (missing.length === 0) return "";
  const names = missing.map(({ name }) => name).join(", ");
  return `npm ci will fail elsewhere: without ${names}. Run: node dev/lockfile.ts`;
}
