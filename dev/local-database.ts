// The local stack's database: made at the first start, kept until `npm run reset`.

import { createHash } from "node:crypto";
import { existsSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { z } from "zod";
import { bootstrapDatabase, migrationFiles } from "./database.ts";
import { repository } from "./paths.ts";
import { standInFiles } from "./postgres-files.ts";
import { startPostgres, superuser, type Postgres } from "./postgres.ts";

/** What a database was made from; written when its bootstrap is complete. */
const recordSchema = z.object({
  bootstrap: z.string(),
  migrations: z.record(z.string(), z.string()),
});
type Record = z.infer<typeof recordSchema>;

export type LocalDatabase = Postgres & {
  /** What has changed since it was made and cannot be brought to it; empty when it is up to date. */
  outdated: string[];
  /** To be called when the migrations have been pushed. */
  rememberMigrations: () => void;
};

/** Starts the server and, when its database is new, makes it look like Supabase. */
export async function startLocalDatabase(
  dataDir: string | undefined,
  port: number,
): Promise<LocalDatabase> {
  if (dataDir && !readRecord(dataDir)) {
    // Its first start was interrupted, so there is nothing in it yet that anybody wants.
    rmSync(dataDir, { recursive: true, force: true });
  }
  const server = await startPostgres({ ...(dataDir ? { dataDir } : {}), port });
  try {
    const bootstrap = hashFiles([
      ...standInFiles(),
      ...readdirSync(join(repository, "dev/supabase")).map((name) =>
        join(repository, "dev/supabase", name),
      ),
    ]);
    if (server.isNew) {
      await bootstrapDatabase(server.url(superuser));
      writeRecord(server.dataDir, { bootstrap, migrations: {} });
    }
    const record = readRecord(server.dataDir) ?? { bootstrap, migrations: {} };
    return {
      ...server,
      outdated: findOutdated(record, bootstrap),
      rememberMigrations: () => {
        // The first form of each: that is what the database has.
        const migrations = { ...currentMigrations(), ...record.migrations };
        writeRecord(server.dataDir, { ...record, migrations });
      },
    };
  } catch (error) {
    await server.stop();
    throw error;
  }
}

function findOutdated(record: Record, bootstrap: string): string[] {
  const current = currentMigrations();
  const changed = Object.entries(record.migrations)
    .filter(([name, hash]) => current[name] !== hash)
    .map(([name]) => name);
  return record.bootstrap === bootstrap ? changed : ["dev/supabase or dev/extensions", ...changed];
}

function currentMigrations(): { [name: string]: string } {
  return Object.fromEntries(migrationFiles().map((file) => [basename(file), hashFiles([file])]));
}

function hashFiles(files: string[]): string {
  const hash = createHash("sha256");
  for (const file of files.sort()) hash.update(readFileSync(file));
  return hash.digest("hex").slice(0, 16);
}

function recordFile(dataDir: string): string {
  return join(dirname(dataDir), `${basename(dataDir)}.json`);
}

function readRecord(dataDir: string): Record | undefined {
  if (!existsSync(recordFile(dataDir))) return undefined;
  const record = recordSchema.safeParse(JSON.parse(readFileSync(recordFile(dataDir), "utf8")));
  return record.success ? record.data : undefined;
}

function writeRecord(dataDir: string, record: Record): void {
  writeFileSync(recordFile(dataDir), `${JSON.stringify(record, null, 2)}\n`);
}
