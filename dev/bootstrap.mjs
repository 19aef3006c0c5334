// The first step of every npm script: makes a fresh clone ready, then runs the script on the Node.js
// that the project brings (the npm package `node`), whatever the machine's own is.
//
//   node dev/bootstrap.mjs dev/start.ts …arguments
//
// Plain JavaScript without packages, because it runs on the machine's Node.js (18 or later) before
// anything is installed.

import { spawn, spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { constants } from "node:os";
import { delimiter, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const wantedNode = 24;
const root = resolve(dirname(fileURLToPath(import.meta.url)), "..");
const modules = join(root, "node_modules");
const binaries = join(modules, ".bin");

/** True when node_modules holds what package-lock.json says; npm notes there what it installed. */
function isInstalled() {
  const noted = join(modules, ".package-lock.json");
  if (!existsSync(noted) || !existsSync(binaries)) return false;
  const wanted = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")).packages;
  const installed = JSON.parse(readFileSync(noted, "utf8")).packages;
  return Object.entries(wanted).every(
    ([path, entry]) =>
      !path.startsWith("node_modules/") ||
      entry.link ||
      // Only those for this platform are there.
      (entry.optional && !installed[path]) ||
      installed[path]?.version === entry.version,
  );
}

function install() {
  const started = Date.now();
  console.log("Installing the npm packages (about a minute, once) …");
  // Not `npm install`: exactly what package-lock.json says. On Windows npm is a batch file.
  const result = spawnSync("npm", ["ci", "--no-fund", "--no-audit", "--loglevel=error"], {
    cwd: root,
    stdio: "inherit",
    shell: process.platform === "win32",
    // npm sets these for its scripts, and an npm below it would take them for its own settings.
    env: withoutNpmScriptSettings(process.env),
  });
  if (result.status !== 0) {
    fail(
      result.error ? `npm could not be run: ${result.error.message}` : "npm ci failed (see above).",
      "Is the network there? Then run: npm ci",
    );
  }
  console.log(`Installed in ${Math.round((Date.now() - started) / 1000)} s.`);
}

function withoutNpmScriptSettings(env) {
  return Object.fromEntries(
    Object.entries(env).filter(([name]) => !/^npm_(lifecycle|package|command|node)/.test(name)),
  );
}

/** The Node.js to run on: the one in node_modules, else the machine's own if it is new enough. */
function findNode() {
  const own = join(binaries, process.platform === "win32" ? "node.cmd" : "node");
  const version = existsSync(own) ? spawnSync(own, ["--version"], { encoding: "utf8" }).stdout : "";
  if (majorVersion(version) >= wantedNode) return own;
  if (majorVersion(process.version) >= wantedNode) return process.execPath;
  return fail(
    `There is no Node.js ${wantedNode} in node_modules (the npm package "node" has not unpacked it).`,
    "Its install script was probably blocked. Run: npm ci --ignore-scripts=false",
    `Or install Node.js ${wantedNode} yourself: https://nodejs.org/en/download`,
  );
}

function majorVersion(version) {
  return Number(/^v(\d+)\./.exec(version ?? "")?.[1] ?? 0);
}

function fail(message, ...nextSteps) {
  console.error(`\n${message}`);
  for (const step of nextSteps) console.error(`  ${step}`);
  process.exit(1);
}

const [script, ...scriptArguments] = process.argv.slice(2);
if (!script) fail("Nothing to run.", "Use: node dev/bootstrap.mjs dev/start.ts");
if (!isInstalled()) install();

const child = spawn(findNode(), [join(root, script), ...scriptArguments], {
  cwd: root,
  stdio: "inherit",
  env: { ...process.env, PATH: `${binaries}${delimiter}${process.env.PATH ?? ""}` },
});
// Ctrl-C reaches the child by itself, from the terminal; kill does not. We only outlive it.
process.on("SIGINT", () => {});
for (const signal of ["SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
child.on("error", (error) => fail(`${script} could not be run: ${error.message}`));
child.on("exit", (code, signal) => {
  process.exit(code ?? 128 + (constants.signals[signal] ?? 0));
});
