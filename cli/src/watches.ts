// The user's watches as a migration, so that branches and new databases watch the same tables.

import { CliError } from "./errors.ts";
import type { Database } from "./database.ts";
import type { Watch } from "./manifest.ts";

/** What the database watches, as the calls that make it watch that. */
export async function readWatches(database: Database): Promise<Watch[]> {
  const rows = await database
    .rows("select kind, name, statement, undo from tocsin_internal.list_watches()")
    .catch((error: unknown) => {
      const { code } = error as { code?: unknown };
      const isMissing = code === "3F000" || code === "42883" || code === "42P01";
      if (!isMissing) throw error;
      throw new CliError(
        `Tocsin is not in the database at ${database.name}, so there are no watches to copy.`,
        "Install and push it first; --db-url copies the watches once there are some.",
      );
    });
  return rows.map(({ kind, name, statement, undo }) => ({
    kind: String(kind),
    name: String(name),
    statement: String(statement),
    undo: String(undo),
  }));
}

/**
 * The migration of the watches; those that an earlier one made and that are no more are undone.
 * A table that is not there in some branch is a warning and not the end of its migrations.
 */
export function watchesMigration(watches: Watch[], earlier: Watch[]): string {
  const statements = new Set(watches.map(({ statement }) => statement));
  const names = new Set(watches.map(({ kind, name }) => `${kind} ${name}`));
  const gone = earlier.filter(({ kind, name }) => !names.has(`${kind} ${name}`));
  const known = new Set(earlier.map(({ statement }) => statement));
  const calls = [
    ...gone.map(({ undo }) => undo),
    ...[...statements].filter((statement) => !known.has(statement)),
  ];
  return [
    "-- What Tocsin watches in this project, so that branches and new databases watch it too.",
    "-- Written by npx tocsin; where it is watched already, this changes nothing.",
    ...calls.map(guarded),
    "",
  ].join("\n");
}

/** Whether a migration has to be written to get from the earlier watches to these. */
export function haveWatchesChanged(watches: Watch[], earlier: Watch[]): boolean {
  const text = (list: Watch[]): string => JSON.stringify(list.map((one) => one.statement).sort());
  return text(watches) !== text(earlier);
}

function guarded(call: string): string {
  let tag = "$watch$";
  for (let i = 1; call.includes(tag); i++) tag = `$watch${i}$`;
  return `
do ${tag}
begin
  perform ${call};
exception when others then
  raise warning 'Tocsin does not watch this here: %', sqlerrm;
end
${tag};`;
}
