// Supabase Lite on our PostgreSQL: the Data API and Auth of the local stack, and the Auth tables of
// every database that the stack and the tests use.

import { App, RelationNotFoundError } from "@supabase/lite";
import { createPostgresConnection } from "@supabase/lite/postgres";
import postgres from "postgres";
import type { ProjectConfig } from "./config.ts";
import type { Keys } from "./keys.ts";
import { settledWithin } from "./patience.ts";

export type Lite = {
  fetch: (request: Request) => Promise<Response>;
  /** Makes what is missing of the Auth tables; replaces auth.uid() and its like by its own. */
  makeTables: () => Promise<void>;
  /** Forgets what it knows of the database's tables and functions. */
  reloadSchema: () => Promise<void>;
  close: () => Promise<void>;
};

// Lite prints errors that it also answers with, as when somebody has no right to a table or there is
// none. The caller has them; the terminal of the stack need not.
const print = console.error;
console.error = (...values: unknown[]) => {
  const [first] = values;
  const isAnswered =
    first instanceof postgres.PostgresError || first instanceof RelationNotFoundError;
  if (!isAnswered) print(...values);
};

/** Without settings it can make the Auth tables, and nobody can call it. */
export async function startLite(
  databaseUrl: string,
  settings?: { config: ProjectConfig; keys: Keys },
): Promise<Lite> {
  const connection = createPostgresConnection({
    url: databaseUrl,
    postgresOptions: { max: 10, onnotice: () => undefined },
  });
  // Left to itself it grants the API roles everything in each schema that has row-level security,
  // tocsin_internal among them, when the first request comes. Ours grant what they mean to.
  Object.assign(connection, { rlsState: "active", normalizeDbError: asPostgrestTells });
  // It makes text of a function's json argument, and its driver makes JSON of that text again.
  for (const type of [114, 3802]) connection.driver.options.serializers[type] = asJsonOnce;
  const app = new App({
    connection,
    // Migrations are the Supabase CLI's business here.
    db: { migrations: { enabled: false } },
    ...(settings ? appConfig(settings) : { auth: { enabled: true } }),
  });
  await app.init();
  return {
    fetch: async (request) => app.fetch(request),
    makeTables: () => app.ensureSystemSchema(),
    reloadSchema: () => connection.clearSchemaCache(),
    // It would wait for ever for a connection that a request has lost.
    close: () => settledWithin(1_000, connection.close()),
  };
}

function asJsonOnce(value: unknown): string {
  const isJson = typeof value === "string" && /^[[{]/.test(value);
  return isJson ? value : JSON.stringify(value);
}

/** SQLSTATE classes that Lite answers itself. */
const known = /^(?:21|22|23|42|53|55|PT)|^25006$|^PGRST$/;
/** SQLSTATE classes that are no fault of the caller's, as PostgREST has it. */
const faults = /^(?:08|25|40|54|57|58|XX)/;

/**
 * Lite answers an SQLSTATE that it does not know, a product's own or a timeout's, with a code of its
 * own. PostgREST passes it on with its hint. Raised the way that both let a function say it, it is.
 */
function asPostgrestTells(error: unknown): unknown {
  if (!(error instanceof postgres.PostgresError) || known.test(error.code)) return error;
  const { code, message, detail, hint } = error;
  return Object.assign(error, {
    code: "PGRST",
    message: JSON.stringify({ code, message, details: detail ?? null, hint: hint ?? null }),
    detail: JSON.stringify({ status: faults.test(code) ? 500 : 400, headers: {} }),
  });
}

function appConfig({ config, keys }: { config: ProjectConfig; keys: Keys }) {
  const { schemas, extra_search_path, max_rows } = config.api;
  return {
    api: { enabled: true, schemas, extra_search_path, max_rows, pg_safe_update: true },
    auth: {
      enabled: true,
      site_url: config.auth.site_url,
      jwt_expiry: config.auth.jwt_expiry,
      enable_signup: config.auth.enable_signup,
      minimum_password_length: config.auth.minimum_password_length,
      email: { enable_signup: true, ...config.auth.email },
      publishable_key: keys.publishable,
      secret_key: keys.secret,
      jwt_secret: keys.jwtSecret,
    },
  };
}
