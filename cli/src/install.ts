// install and upgrade: works out what has to change in the user's project.

import { remotesWithoutSchema, withTocsin } from "./config.ts";
import { CliError } from "./errors.ts";
import {
  hashOf,
  manifestPath,
  readManifest,
  writeManifest,
  type Manifest,
  type Watch,
} from "./manifest.ts";
import { copiedMigrations, migrationFiles, nextVersions } from "./migrations.ts";
import type { Pack } from "./pack.ts";
import { changeTo, readIfThere, type Change } from "./plan.ts";
import { parseConfig, type Project } from "./project.ts";
import { haveWatchesChanged, watchesMigration } from "./watches.ts";

export type InstallOptions = {
  command: "install" | "upgrade";
  now: Date;
  /** Files that the user changed are written over. */
  overwrite: boolean;
  /** What the database watches; undefined: nobody asked it. */
  watches: Watch[] | undefined;
};

export type InstallPlan = {
  changes: Change[];
  newMigrations: number;
  /** What the user should know besides, a line each. */
  notes: string[];
};

export function planInstall(project: Project, pack: Pack, options: InstallOptions): InstallPlan {
  const { folder } = project;
  const manifest = readManifest(folder);
  const copied = copiedMigrations(migrationFiles(folder));
  refuseOtherVersions(manifest, copied.length > 0, pack, options.command);

  const migrations = planMigrations(folder, manifest, pack, options);
  const functions = planFunctions(folder, manifest, pack);
  const conflicts = [...migrations.conflicts, ...functions.conflicts];
  if (conflicts.length > 0 && !options.overwrite) {
    throw new CliError(
      "Nothing was changed, since these files are not as Tocsin wrote them:\n" +
        conflicts.map((path) => `    supabase/${path}`).join("\n"),
      "Keep what you need of yours elsewhere and get them back (git checkout -- <file>), or have " +
        `them written over: npx tocsin ${options.command} --overwrite`,
    );
  }

  const written = new Map([...migrations.files, ...functions.files]);
  const configText = withTocsin(project.configText);
  const next: Manifest = {
    version: pack.version,
    files: Object.fromEntries([...written].map(([path, text]) => [path, hashOf(text)])),
    watches: migrations.watches,
  };
  const changes = [
    ...[...written].map(([path, text]) => changeUnlessAlike(folder, path, text)),
    ...functions.removed.map((path) => changeTo(folder, path, undefined)),
    changeTo(folder, "config.toml", configText),
    changeTo(folder, manifestPath, writeManifest(next)),
  ].filter((change) => change !== undefined);

  const notes = remotesWithoutSchema(parseConfig(configText)).map(
    (name) =>
      `[remotes.${name}.api] has schemas of its own: add "tocsin" there as well, or its Data API ` +
      "does not serve it.",
  );
  return { changes, newMigrations: migrations.added, notes };
}

function refuseOtherVersions(
  manifest: Manifest | undefined,
  hasCopies: boolean,
  pack: Pack,
  command: "install" | "upgrade",
): void {
  if (command === "upgrade" && !manifest && !hasCopies) {
    throw new CliError(
      "Tocsin is not installed in this project, so there is nothing to upgrade.",
      "npx tocsin install",
    );
  }
  if (!manifest || manifest.version === pack.version) return;
  if (isOlder(pack.version, manifest.version)) {
    throw new CliError(
      `This project has Tocsin ${manifest.version}; this is ${pack.version}, which is older.`,
      `npx tocsin@${manifest.version} ${command}, or newer. There is no way down but a backup.`,
    );
  }
  if (command === "install") {
    throw new CliError(
      `This project has Tocsin ${manifest.version}; this is ${pack.version}.`,
      "npx tocsin upgrade",
    );
  }
}

function isOlder(one: string, other: string): boolean {
  const [a = [], b = []] = [one, other].map((version) => version.split(/[.-]/).map(Number));
  for (const [i, part] of a.entries()) {
    if (part !== (b[i] ?? 0)) return part < (b[i] ?? 0);
  }
  return false;
}

type Planned = {
  /** Path to text: everything that is to be there afterwards. */
  files: Map<string, string>;
  conflicts: string[];
};

function planMigrations(
  folder: string,
  manifest: Manifest | undefined,
  pack: Pack,
  { now, watches, command }: InstallOptions,
): Planned & { added: number; watches: Watch[] } {
  const names = migrationFiles(folder);
  // those that were deleted since are known by the manifest, and are put back where they were
  const recorded = Object.keys(manifest?.files ?? {})
    .filter((path) => path.startsWith("migrations/"))
    .map((path) => path.replace("migrations/", ""));
  const copies = copiedMigrations([...new Set([...names, ...recorded])].sort());
  const files = new Map<string, string>();
  const conflicts: string[] = [];
  const there = new Set<string>();

  for (const { file, original } of copies) {
    const path = `migrations/${file}`;
    const shipped = pack.migrations.get(original);
    if (shipped === undefined) {
      throw new CliError(
        `supabase/${path} comes from a version of Tocsin that is newer than ${pack.version}.`,
        `Use that one: npx tocsin@latest ${command}`,
      );
    }
    if (there.has(original)) {
      throw new CliError(
        `Tocsin's migration ${original} is there twice; the second copy is supabase/${path}.`,
        "Two branches have installed it. Delete the copies that were not pushed, and their lines " +
          "in supabase/tocsin.json, and run this again.",
      );
    }
    there.add(original);
    const current = readIfThere(folder, path);
    const hash = current === undefined ? undefined : hashOf(current);
    const known = manifest?.files[path];
    if (known !== undefined && known !== hashOf(shipped)) {
      throw new CliError(
        `The migration ${original} is another one in this version than the one you have.`,
        "What is released never changes, so one of the two was no release. Take Tocsin out " +
          "(npx tocsin uninstall), push, and install it again.",
      );
    }
    if (hash !== undefined && hash !== hashOf(shipped)) conflicts.push(path);
    files.set(path, shipped);
  }

  const missing = [...pack.migrations].filter(([name]) => !there.has(name));
  const earlier = manifest?.watches ?? [];
  const isChanged = watches !== undefined && haveWatchesChanged(watches, earlier);
  const versions = nextVersions(names, missing.length + (isChanged ? 1 : 0), now);
  for (const [i, [name, text]] of missing.entries()) {
    files.set(`migrations/${versions[i] ?? ""}_tocsin_${name}`, text);
  }
  const watchFiles = recorded.filter((file) => file.endsWith("_tocsin_watches.sql"));
  for (const file of watchFiles) {
    // the user's own words: kept as they are
    const text = readIfThere(folder, `migrations/${file}`);
    if (text !== undefined) files.set(`migrations/${file}`, text);
  }
  if (isChanged) {
    const version = versions[versions.length - 1] ?? "";
    files.set(`migrations/${version}_tocsin_watches.sql`, watchesMigration(watches, earlier));
  }
  return {
    files,
    conflicts,
    added: missing.length + (isChanged ? 1 : 0),
    watches: watches ?? earlier,
  };
}

function planFunctions(
  folder: string,
  manifest: Manifest | undefined,
  pack: Pack,
): Planned & { removed: string[] } {
  const conflicts: string[] = [];
  for (const [path, shipped] of pack.functions) {
    const current = readIfThere(folder, path);
    if (current === undefined || hashOf(current) === hashOf(shipped)) continue;
    if (manifest?.files[path] !== hashOf(current)) conflicts.push(path);
  }
  const removed: string[] = [];
  for (const [path, hash] of Object.entries(manifest?.files ?? {})) {
    if (!path.startsWith("functions/") || pack.functions.has(path)) continue;
    const current = readIfThere(folder, path);
    if (current === undefined) continue;
    removed.push(path);
    if (hashOf(current) !== hash) conflicts.push(path);
  }
  return { files: new Map(pack.functions), conflicts, removed };
}

/** A file that differs only in how its lines end is left as it is. */
function changeUnlessAlike(folder: string, path: string, text: string): Change | undefined {
  const current = readIfThere(folder, path);
  if (current !== undefined && hashOf(current) === hashOf(text)) return undefined;
  return changeTo(folder, path, text);
}
