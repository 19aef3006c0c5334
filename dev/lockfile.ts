// Completes package-lock.json with the packages for other machines than this one.
//
//   node dev/lockfile.ts          writes them          node dev/lockfile.ts --check    only looks
//
// npm leaves an optional package out of the lock file when its registry did not have it at that
// moment (npm/cli#4828), and `npm ci` then refuses the whole file. Each of ours is a binary for one
// platform, with an exact version, named for its platform; so its entry can be written without it.
// Run it after `npm install`; `npm run check` reminds.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { z } from "zod";
import { repository } from "./paths.ts";

const entrySchema = z.looseObject({
  optionalDependencies: z.record(z.string(), z.string()).optional(),
});
const lockSchema = z.looseObject({ packages: z.record(z.string(), entrySchema) });
type Lock = z.infer<typeof lockSchema>;

const lockFile = join(repository, "package-lock.json");

/** The optional packages that the lock file does not know, with their versions. */
export function missingPackages(lock: Lock): { name: string; version: string }[] {
  const found = Object.entries(lock.packages).flatMap(([path, entry]) =>
    Object.entries(entry.optionalDependencies ?? {})
      .filter(([name]) => !(`node_modules/${name}` in lock.packages))
      .filter(([name]) => !(`${path}/node_modules/${name}` in lock.packages))
      .map(([name, version]) => ({ name, version })),
  );
  return [...new Map(found.map((entry) => [entry.name, entry])).values()];
}

/** "…/cli-linux-x64-musl" is for os linux, cpu x64, libc musl. */
export function platformOf(name: string): { os: string[]; cpu: string[]; libc?: string[] } {
  const words: [RegExp, string][] = [
    [/darwin/, "darwin"],
    [/win32|windows/, "win32"],
    [/linux/, "linux"],
  ];
  const os = words.find(([pattern]) => pattern.test(name))?.[1];
  const cpu = /arm64|aarch64/.test(name) ? "arm64" : /x64|x86_64/.test(name) ? "x64" : undefined;
  if (!os || !cpu) throw new Error(`${name}: its name does not say for which platform it is.`);
  const libc = /musl/.test(name) ? "musl" : /gnu|glibc/.test(name) ? "glibc" : undefined;
  return { os: [os], cpu: [cpu], ...(libc ? { libc: [libc] } : {}) };
}

export function readLock(): Lock {
  const lock: unknown = JSON.parse(readFileSync(lockFile, "utf8"));
  lockSchema.parse(lock);
  return lock as Lock; // as it was read: zod would put the keys in another order
}

function complete(lock: Lock): Lock {
  const added = missingPackages(lock).map(({ name, version }) => {
    const { os, cpu, libc } = platformOf(name);
    const entry = { version, cpu, dev: true, ...(libc ? { libc } : {}), optional: true, os };
    return [`node_modules/${name}`, entry] as const;
  });
  const packages = Object.entries({ ...lock.packages, ...Object.fromEntries(added) });
  packages.sort(([a], [b]) => a.localeCompare(b, "en"));
  return { ...lock, packages: Object.fromEntries(packages) };
}

function main(): void {
  const lock = readLock();
  const missing = missingPackages(lock);
  for (const { name, version } of missing) console.log(`${name}@${version}`);
  if (process.argv.includes("--check")) process.exitCode = missing.length > 0 ? 1 : 0;
  else if (missing.length > 0) {
    writeFileSync(lockFile, `${JSON.stringify(complete(lock), null, 2)}\n`);
    console.log(`Added ${missing.length} packages to package-lock.json.`);
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) main();
