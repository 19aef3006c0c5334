// uninstall: the migration that takes everything out of the database, and the project's files back
// to how they were. The migrations that put it in stay: they are history, and were pushed.

import { withoutTocsin } from "./config.ts";
import { CliError } from "./errors.ts";
import { hashOf, manifestPath, readManifest } from "./manifest.ts";
import { copiedMigrations, migrationFiles, nextVersions } from "./migrations.ts";
import type { Pack } from "./pack.ts";
import { changeTo, readIfThere, type Change } from "./plan.ts";
import type { Project } from "./project.ts";

export function planUninstall(
  project: Project,
  pack: Pack,
  { now, overwrite }: { now: Date; overwrite: boolean },
): Change[] {
  const { folder } = project;
  const manifest = readManifest(folder);
  const names = migrationFiles(folder);
  if (!manifest && copiedMigrations(names).length === 0) {
    throw new CliError(
      "Tocsin is not installed in this project.",
      "To take it out of a database that has it all the same: npx tocsin uninstall --print " +
        "shows the statements; run them in the SQL editor.",
    );
  }
  const functions = Object.entries(manifest?.files ?? {}).filter(([path]) =>
    path.startsWith("functions/"),
  );
  const conflicts = functions.filter(([path, hash]) => {
    const current = readIfThere(folder, path);
    return current !== undefined && hashOf(current) !== hash;
  });
  if (conflicts.length > 0 && !overwrite) {
    throw new CliError(
      "Nothing was changed, since these files are not as Tocsin wrote them:\n" +
        conflicts.map(([path]) => `    supabase/${path}`).join("\n"),
      "Keep what you need of yours elsewhere, then: npx tocsin uninstall --overwrite",
    );
  }
  const [version = ""] = nextVersions(names, 1, now);
  return [
    changeTo(folder, `migrations/${version}_tocsin_uninstall.sql`, pack.uninstall),
    ...functions.map(([path]) => changeTo(folder, path, undefined)),
    changeTo(folder, "config.toml", withoutTocsin(project.configText)),
    changeTo(folder, manifestPath, undefined),
  ].filter((change) => change !== undefined);
}
