// TOCSIN_DB_URL: the stack on a database of your own, with the real extensions that it has.

import { withClient } from "./database.ts";

export type ForeignDatabase = {
  version: string;
  /** Which extensions are our stand-ins there, so that nobody but us is behind them. */
  standIns: { cron: boolean; net: boolean };
  /** False when the Auth tables have still to be made. */
  hasAuth: boolean;
  /** True when tables of other people have the names of the demo's. */
  hasOtherTables: boolean;
};

const roles = ["anon", "authenticated", "service_role"];
const extensions = ["pgmq", "pg_cron", "pg_net", "supabase_vault"];

/** Looks whether the stack can run there; an error lists everything that is missing. */
export async function inspectForeignDatabase(url: string): Promise<ForeignDatabase> {
  await withClient(url, (client) => client.query("select 1")).catch((error: unknown) => {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`The database of TOCSIN_DB_URL cannot be reached: ${reason}`, { cause: error });
  });
  return withClient(url, async (client) => {
    const query = async <R extends object>(text: string, values: unknown[] = []): Promise<R[]> =>
      (await client.query<R>(text, values)).rows;

    const [server] = await query<{ version: string; name: string; me: string }>(
      `select current_setting('server_version') as version, current_database() as name,
         current_user::text as me`,
    );
    const missing: string[] = [];
    const [owner] = await query("select 1 from pg_roles where rolname = 'postgres'");
    if (owner && server?.me !== "postgres") {
      // The CLI pushes migrations as postgres wherever there is one: one owner for everything.
      missing.push(`postgres as the role in TOCSIN_DB_URL (it is ${server?.me})`);
    }
    for (const role of roles) {
      const [found] = await query<{ member: boolean }>(
        "select pg_has_role(current_user, oid, 'set') as member from pg_roles where rolname = $1",
        [role],
      );
      if (!found) missing.push(`the role ${role}: create role ${role};`);
      else if (!found.member)
        missing.push(`membership of ${role}: grant ${role} to ${server?.me};`);
    }
    const available = await query<{ name: string; comment: string | null }>(
      "select name, comment from pg_available_extensions where name = any($1)",
      [extensions],
    );
    for (const name of extensions) {
      if (!available.some((extension) => extension.name === name)) {
        missing.push(`the extension ${name}: install it on the server (Supabase has it)`);
      }
    }
    const [auth] = await query("select 1 where to_regclass('auth.users') is not null");
    const [creator] = await query(
      "select 1 where has_database_privilege(current_database(), 'create')",
    );
    if (!auth && !creator) missing.push("the schema auth, or the right to create it");
    if (missing.length > 0) {
      throw new Error(
        `The stack cannot run on the database ${server?.name}. It has not:\n` +
          missing.map((line) => `  - ${line}`).join("\n"),
      );
    }

    const isStandIn = (name: string): boolean =>
      available.find((one) => one.name === name)?.comment?.startsWith("Stand-in") ?? false;
    const [others] = await query(
      `select 1 where to_regclass('public.workflow_runs') is not null
         or to_regclass('public.projects') is not null`,
    );
    const [ours] = others
      ? await query("select 1 where to_regclass('tocsin.run_sources') is not null")
      : [];
    return {
      version: server?.version ?? "",
      hasAuth: auth !== undefined,
      standIns: { cron: isStandIn("pg_cron"), net: isStandIn("pg_net") },
      hasOtherTables: others !== undefined && ours === undefined,
    };
  });
}
