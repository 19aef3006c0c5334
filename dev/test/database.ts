// A database server for tests: real PostgreSQL in a temporary place, looking like a new Supabase
// project, with the product's migrations applied. Each test file starts one (under a second) and
// gives each test a database of its own, cloned from it.
//
//   const server = await startTestDatabase();          // at the top of the file
//   after(() => server.stop());
//   const db = await server.clone();                   // in each test; cheap
//   await db.sql("select tocsin.doctor()");            // as postgres, who owns the product
//   await db.as("authenticated", { sub: userId }, async (sql) => { … });

import pg from "pg";
import { startCron } from "../cron.ts";
import { applyMigrations, bootstrapDatabase, explainSqlError, withClient } from "../database.ts";
import { startNet } from "../net.ts";
import { startPostgres, superuser } from "../postgres.ts";

type Row = Record<string, unknown>;
/** Runs one statement with parameters, or several without; answers with the (last) rows. */
export type Sql = <R extends Row = Row>(text: string, values?: unknown[]) => Promise<R[]>;

export type TestDatabase = {
  name: string;
  url: (role?: string) => string;
  /** As `postgres`: not a superuser; owns the product. Statement by statement, autocommit. */
  sql: Sql;
  /** As the superuser, for what no user may do. */
  superuser: Sql;
  /**
   * In one transaction as an API role with JWT claims, as the Data API does it; rolled back when the
   * work throws, else committed.
   */
  as: <Result>(role: string, claims: Row, work: (sql: Sql) => Promise<Result>) => Promise<Result>;
  /** A connection of your own, for tests with several transactions at once; closed by drop(). */
  connect: (role?: string) => Promise<pg.Client>;
  /** The workers behind net.http_post and cron.schedule, on this database; stopped by drop(). */
  startWorkers: () => Promise<void>;
  drop: () => Promise<void>;
};

export type TestServer = {
  port: number;
  /** A new database with the migrations applied. */
  clone: () => Promise<TestDatabase>;
  /** A new database that looks like Supabase and has nothing of the product's. */
  cloneEmpty: () => Promise<TestDatabase>;
  stop: () => Promise<void>;
};

/** Starts a server. A file that ends without stop() still leaves none behind: see postgres.ts. */
export async function startTestDatabase(
  options: { migrations?: string[]; extensions?: string[] } = {},
): Promise<TestServer> {
  const server = await startPostgres();
  const open = new Set<TestDatabase>();
  let count = 0;
  const stop = async (): Promise<void> => {
    for (const database of open) await database.drop();
    await server.stop();
  };
  try {
    await bootstrapDatabase(server.url(superuser));
    const admin = server.url(superuser, "template1");
    // The bootstrap prepared `postgres`: kept as it is for cloneEmpty, copied for the product.
    await createDatabase(admin, "product", "postgres");
    const product = server.url("postgres", "product");
    await withClient(product, async (client) => {
      for (const name of options.extensions ?? []) {
        await client.query(`create extension ${name} with schema extensions`);
      }
    });
    await applyMigrations(product, options.migrations);
  } catch (error) {
    await server.stop();
    throw error;
  }
  const clone = async (template: string): Promise<TestDatabase> => {
    const name = `test_${++count}`;
    await createDatabase(server.url(superuser, "template1"), name, template);
    const database = openDatabase(
      name,
      (role) => server.url(role, name),
      async () => {
        open.delete(database);
        await withClient(server.url(superuser, "template1"), (client) =>
          client.query(`drop database if exists ${name} with (force)`),
        );
      },
    );
    open.add(database);
    return database;
  };
  return {
    port: server.port,
    clone: () => clone("product"),
    cloneEmpty: () => clone("postgres"),
    stop,
  };
}

async function createDatabase(adminUrl: string, name: string, template: string): Promise<void> {
  await withClient(adminUrl, async (client) => {
    await client.query(`create database ${name} template ${template} owner postgres`);
    await client.query(`grant all on database ${name} to postgres`);
  });
}

function openDatabase(
  name: string,
  url: (role?: string) => string,
  remove: () => Promise<void>,
): TestDatabase {
  const pools = new Map<string, pg.Pool>();
  const clients: pg.Client[] = [];
  const workers: { stop: () => Promise<void> }[] = [];
  const pool = (role: string): pg.Pool => {
    const found = pools.get(role);
    if (found) return found;
    const made = new pg.Pool({ connectionString: url(role), max: 4, allowExitOnIdle: true });
    made.on("error", () => undefined);
    pools.set(role, made);
    return made;
  };
  return {
    name,
    url,
    sql: (text, values) => run(pool("postgres"), text, values),
    superuser: (text, values) => run(pool(superuser), text, values),
    as: async (role, claims, work) => {
      const client = await pool("authenticator").connect();
      try {
        await client.query("begin");
        await client.query("select set_config('role', $1, true)", [role]);
        await client.query("select set_config('request.jwt.claims', $1, true)", [
          JSON.stringify({ role, ...claims }),
        ]);
        const result = await work((text, values) => run(client, text, values));
        await client.query("commit");
        return result;
      } catch (error) {
        await client.query("rollback");
        throw error;
      } finally {
        client.release();
      }
    },
    connect: async (role = "postgres") => {
      const client = new pg.Client({ connectionString: url(role) });
      client.on("error", () => undefined);
      await client.connect();
      clients.push(client);
      return client;
    },
    startWorkers: async () => {
      workers.push(await startCron({ url, database: name }));
      workers.push(await startNet({ url: url(superuser) }));
    },
    drop: async () => {
      for (const worker of workers.splice(0)) await worker.stop();
      for (const client of clients.splice(0)) await client.end().catch(() => undefined);
      for (const opened of pools.values()) await opened.end();
      pools.clear();
      await remove();
    },
  };
}

async function run<R extends Row>(
  client: { query: pg.Client["query"] },
  text: string,
  values?: unknown[],
): Promise<R[]> {
  try {
    const results: pg.QueryResult<R>[] = [await client.query<R>(text, values)].flat();
    return results.at(-1)?.rows ?? [];
  } catch (error) {
    // The server's error as it is, for its code, but told in full.
    if (error instanceof pg.DatabaseError) error.message = explainSqlError(error, text);
    throw error;
  }
}
