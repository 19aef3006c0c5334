// What this version installs: the folder pack/ of the package, made by build.mjs.

import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { join } from "node:path";
import { CliError } from "./errors.ts";

export type Pack = {
  version: string;
  /** Name to text, in order: 20260101000100_foundation.sql. */
  migrations: Map<string, string>;
  /** Path from supabase/ to text: functions/tocsin-notify/index.ts. */
  functions: Map<string, string>;
  /** The statements that remove it all. */
  uninstall: string;
};

const packageFolder = fileURLToPath(new URL("..", import.meta.url));

export function readVersion(): string {
  const text = readFileSync(join(packageFolder, "package.json"), "utf8");
  return (JSON.parse(text) as { version: string }).version;
}

export function readPack(folder = join(packageFolder, "pack")): Pack {
  if (!existsSync(join(folder, "uninstall.sql"))) {
    throw new CliError(
      `The package is not complete: ${folder} is missing.`,
      "In a clone of the repository: node cli/build.mjs",
    );
  }
  const read = (path: string): string => readFileSync(join(folder, path), "utf8");
  return {
    version: readVersion(),
    migrations: new Map(
      filesIn(folder, "migrations").map((path) => [path.replace("migrations/", ""), read(path)]),
    ),
    functions: new Map(filesIn(folder, "functions").map((path) => [path, read(path)])),
    uninstall: read("uninstall.sql"),
  };
}

/** All files below, as paths with forward slashes from the folder, in order. */
export function filesIn(folder: string, path: string): string[] {
  return readdirSync(join(folder, path))
    .sort()
    .flatMap((name) => {
      const below = `${path}/${name}`;
      return statSync(join(folder, below)).isDirectory() ? filesIn(folder, below) : [below];
    });
}
