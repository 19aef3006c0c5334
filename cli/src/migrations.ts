// The migrations of the user's project, and which of them are Tocsin's: a copy keeps the original
// name behind a new time, 20261121093000_tocsin_20260101000100_foundation.sql.

import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { CliError } from "./errors.ts";

export type Copied = { file: string; original: string };

const uninstallName = /^\d{14}_tocsin_uninstall\.sql$/;
const watchesName = /^\d{14}_tocsin_watches\.sql$/;

export function migrationFiles(folder: string): string[] {
  const path = join(folder, "migrations");
  if (!existsSync(path)) return [];
  return readdirSync(path)
    .filter((name) => /^\d+_.*\.sql$/.test(name))
    .sort();
}

/** The copies since Tocsin was last removed: those before are history. */
export function copiedMigrations(files: string[]): Copied[] {
  return current(files).flatMap((file) => {
    const original = /^\d{14}_tocsin_(\d{14}_\w+\.sql)$/.exec(file)?.[1];
    return original === undefined ? [] : [{ file, original }];
  });
}

export function watchMigrations(files: string[]): string[] {
  return current(files).filter((file) => watchesName.test(file));
}

function current(files: string[]): string[] {
  const removed = files.filter((file) => uninstallName.test(file)).pop() ?? "";
  return files.filter((file) => file > removed);
}

/**
 * As many versions as there are files to come, each a second after the one before: after the
 * newest that is there, and the last of them now if there is room, so that what the user writes
 * next comes after them.
 */
export function nextVersions(files: string[], count: number, now: Date): string[] {
  const newest = files[files.length - 1]?.split("_")[0];
  let first = now.getTime() - (count - 1) * 1000;
  if (newest !== undefined) {
    const after = timeOf(newest);
    if (after === undefined && newest > versionOf(first)) {
      throw new CliError(
        `The newest migration has the version ${newest}, which is no time (YYYYMMDDHHMMSS).`,
        "Tocsin's migrations have to come after it. Give it a name such as " +
          `${versionOf(now.getTime())}_… first.`,
      );
    }
    if (after !== undefined) first = Math.max(first, after + 1000);
  }
  return Array.from({ length: count }, (_, i) => versionOf(first + i * 1000));
}

function versionOf(time: number): string {
  return new Date(time).toISOString().replace(/\D/g, "").slice(0, 14);
}

function timeOf(version: string): number | undefined {
  const parts = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)$/.exec(version);
  if (!parts) return undefined;
  const [, year, month, day, hour, minute, second] = parts.map(Number);
  const time = Date.UTC(year ?? 0, (month ?? 1) - 1, day, hour, minute, second);
  return versionOf(time) === version ? time : undefined;
}
