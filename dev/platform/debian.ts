// A Debian with PostgreSQL 17, the real pg_cron, Prometheus and Alertmanager, in a folder: made once by
// debootstrap, kept for the next run. Only root can make and use it.

import { spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

const suite = "trixie";
const packages = [
  "postgresql-17",
  "postgresql-17-cron",
  "postgresql-17-pgtap",
  "postgresql-17-plpgsql-check",
  "prometheus",
  "prometheus-alertmanager",
  "promtool",
  // the languages of docs/how-to/verify-a-webhook.md
  "golang-go",
  "php-cli",
  "python3",
  "ruby",
];
const mirror = process.env["TOCSIN_DEBIAN_MIRROR"] ?? "http://deb.debian.org/debian";
const home = process.env["TOCSIN_PLATFORM_DIR"] ?? "/var/tmp/tocsin-platform";

/** Its folder; made when it is not there, which takes a minute or two. */
export async function prepareDebian(progress: (line: string) => void): Promise<string> {
  const target = join(home, suite);
  if (existsSync(target)) {
    progress(`Debian ${suite} is in ${target}`);
    await installMissing(target, progress);
    return target;
  }
  mkdirSync(home, { recursive: true });
  if (!(await succeeds("debootstrap", ["--version"]))) {
    progress("Installing debootstrap");
    await run("apt-get", ["update", "-q"]);
    await run("apt-get", ["install", "-y", "-q", "debootstrap", "debian-archive-keyring"]);
  }
  progress(`Making Debian ${suite} in ${target} (a minute or two, 700 MB, once)`);
  const staging = mkdtempSync(join(dirname(target), "staging-"));
  try {
    // Its install scripts may start services, which a folder has no use for.
    mkdirSync(join(staging, "usr/sbin"), { recursive: true });
    writeFileSync(join(staging, "usr/sbin/policy-rc.d"), "#!/bin/sh\nexit 101\n", { mode: 0o755 });
    await run("debootstrap", [
      "--variant=minbase",
      `--include=${packages.join(",")}`,
      suite,
      staging,
      mirror,
    ]);
    await run("chmod", ["755", staging]);
    renameSync(staging, target);
  } catch (error) {
    rmSync(staging, { recursive: true, force: true });
    throw error;
  }
  return target;
}

/** One that was made for an earlier version of the tests may lack what has been added since. */
async function installMissing(target: string, progress: (line: string) => void): Promise<void> {
  if (await succeeds("chroot", [target, "dpkg", "--status", ...packages])) return;
  progress("Installing what it lacks");
  await run("chroot", [target, "apt-get", "update", "-q"]);
  const options = ["install", "-y", "-q", "--no-install-recommends"];
  await run("chroot", [target, "apt-get", ...options, ...packages]);
}

/** Runs a command; its output is told only when it fails. */
async function run(command: string, args: string[]): Promise<void> {
  const child = spawn(command, args, {
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive", LC_ALL: "C" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const code = await new Promise<number | null>((done, fail) => {
    child.once("error", fail);
    child.once("close", done);
  });
  if (code === 0) return;
  const tail = output.trim().split("\n").slice(-20).join("\n");
  throw new Error(`${command} ${args[0] ?? ""} failed (exit code ${code}):\n${tail}`);
}

async function succeeds(command: string, args: string[]): Promise<boolean> {
  return run(command, args).then(
    () => true,
    () => false,
  );
}
