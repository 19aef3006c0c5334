// Makes a database look like a new Supabase project's, and puts the product on it.

import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import pg from "pg";
import { startLite } from "./lite.ts";
import { repository } from "./paths.ts";

const bootstrapDir = join(repository, "dev/supabase");
export const migrationsDir = join(repository, "supabase/migrations");
const seedDir = join(repository, "supabase");

/** Opens one connection, does the work, closes it. */
export async function withClient<Result>(
  url: string,
  work: (client: pg.Client) => Promise<Result>,
): Promise<Result> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/** Roles, schemas, Auth and Vault, as Supabase has them before a project's first migration. */
export async function bootstrapDatabase(superuserUrl: string): Promise<void> {
  await runFile(superuserUrl, join(bootstrapDir, "roles.sql"));
  await runFile(superuserUrl, join(bootstrapDir, "schemas.sql"));
  await prepareAuth(superuserUrl);
  await runFile(superuserUrl, join(bootstrapDir, "owners.sql"));
  await runFile(superuserUrl, join(bootstrapDir, "vault.sql"));
  await runFile(superuserUrl, join(bootstrapDir, "webhooks.sql"));
  await runFile(superuserUrl, join(bootstrapDir, "reload.sql"));
}

/** The Auth tables, and the functions that policies ask who is calling. */
export async function prepareAuth(ownerUrl: string): Promise<void> {
  const lite = await startLite(ownerUrl);
  await lite.makeTables();
  await lite.close();
  await runFile(ownerUrl, join(bootstrapDir, "auth.sql"));
}

export function migrationFiles(dir = migrationsDir): string[] {
  return readdirSync(dir)
    .filter((name) => name.endsWith(".sql"))
    .sort()
    .map((name) => join(dir, name));
}

/**
 * Runs each migration in a transaction of its own, as `supabase db push` does, but without its
 * history: the quick way for tests.
 */
export async function applyMigrations(ownerUrl: string, files = migrationFiles()): Promise<void> {
  for (const file of files) await runFile(ownerUrl, file);
}

/** The demo's tables and settings, as `supabase db reset` makes them; with its past or without. */
export async function seed(ownerUrl: string, { history }: { history: boolean }): Promise<void> {
  const others = readdirSync(join(seedDir, "seeds")).sort();
  for (const file of ["seed.sql", ...others.map((name) => join("seeds", name))]) {
    await runFile(ownerUrl, join(seedDir, file), { "demo.history": history ? "on" : "off" });
  }
}

/**
 * Runs a file as one transaction, under settings of the session; a failure names the file, the line
 * and the text there.
 */
export async function runFile(
  url: string,
  file: string,
  settings: Record<string, string> = {},
): Promise<void> {
  const text = readFileSync(file, "utf8");
  await withClient(url, async (client) => {
    for (const [name, value] of Object.entries(settings)) {
      await client.query("select set_config($1, $2, false)", [name, value]);
    }
    try {
      await client.query(text);
    } catch (error) {
      throw new Error(`${basename(file)}: ${explainSqlError(error, text)}`, { cause: error });
    }
  });
}

/** PostgreSQL's error in full: where it happened in the text, its detail, hint and context. */
export function explainSqlError(error: unknown, text: string): string {
  if (!(error instanceof pg.DatabaseError)) return String(error);
  const lines = [`${error.severity ?? "ERROR"} ${error.code ?? ""}: ${error.message}`];
  if (error.position) {
    const line = text.slice(0, Number(error.position)).split("\n").length;
    lines.push(`  line ${line}: ${text.split("\n")[line - 1]?.trim() ?? ""}`);
  }
  if (error.detail) lines.push(`  detail: ${error.detail}`);
  if (error.hint) lines.push(`  hint: ${error.hint}`);
  if (error.internalQuery) lines.push(`  in: ${error.internalQuery}`);
  if (error.where) lines.push(`  where: ${error.where}`);
  return lines.join("\n");
}
