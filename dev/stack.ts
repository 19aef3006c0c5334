// The whole local stack, for `npm start` and for the end-to-end tests: PostgreSQL with what stands
// in for Supabase, the product on it, the API, the functions, an inbox, a webhook receiver, a demo.

import { mkdtempSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pushMigrations } from "./cli.ts";
import { readProjectConfig } from "./config.ts";
import { startCron } from "./cron.ts";
import { buildDashboard, serveDashboard } from "./dashboard.ts";
import { prepareAuth, seed, withClient } from "./database.ts";
import { startDemo } from "./demo.ts";
import { cacheFunction, functionNames } from "./deno.ts";
import { inspectForeignDatabase } from "./foreign-database.ts";
import { startFunctions, type Functions } from "./functions.ts";
import { startGateway } from "./gateway.ts";
import { startInbox, type Inbox } from "./inbox/inbox.ts";
import { startReceiver, type Receiver } from "./inbox/receiver.ts";
import { makeKeys, type Keys } from "./keys.ts";
import { startLocalDatabase } from "./local-database.ts";
import { startNet } from "./net.ts";
import { freePort } from "./ports.ts";
import { superuser } from "./postgres.ts";

export type StackOptions = {
  /** Where the database's files are kept; left out: nowhere, for tests. */
  dataDir?: string;
  /** Where what was received is kept. */
  messagesDir?: string;
  /** A database of the user's own instead of ours. */
  databaseUrl?: string;
  keys?: Keys;
  /** True: Supabase's usual ports, or others when they are taken. False: any free ones. */
  usualPorts?: boolean;
  /** The demo's tables, settings and workload: supabase/seed.sql and dev/demo.ts. */
  demo?: boolean;
  /** True: the demo has had 30 days, with an incident yesterday. Takes some seconds, once. */
  history?: boolean;
  /** False: the demo without its workload. */
  workload?: boolean;
  /** The dashboard, built and served. */
  dashboard?: boolean;
  /** Function secrets besides those that the stack needs itself. */
  secrets?: Record<string, string>;
  /** Where the functions write their logs; left out: a temporary place. */
  logDir?: string;
  /** Told as each part is up. */
  progress?: (line: string) => void;
  /** Told when something goes wrong later. */
  log?: (line: string) => void;
};

export type Stack = {
  /** What Resend was asked to send. */
  inbox: Inbox;
  /** What the demo's webhook channel was sent, at /hooks/demo. */
  receiver: Receiver;
  apiUrl: string;
  functionsUrl: string;
  databaseUrl: string;
  /** Where the dashboard is, if it was asked for. */
  dashboardUrl: string | undefined;
  keys: Keys;
  logDir: string;
  operator: { email: string; password: string };
  /** What the user should know, a line each. */
  warnings: string[];
  stop: () => Promise<void>;
};

const operator = { email: "demo@tocsin.local", password: "tocsin-demo" };

export async function startStack(options: StackOptions = {}): Promise<Stack> {
  const stops: (() => Promise<void>)[] = [];
  const stop = async (): Promise<void> => {
    // Last in, first out, whatever a part says to it.
    for (const one of stops.splice(0).reverse()) {
      await one().catch((error: unknown) => options.log?.(String(error)));
    }
  };
  try {
    return await startParts(options, stops, stop);
  } catch (error) {
    await stop();
    throw error;
  }
}

async function startParts(
  options: StackOptions,
  stops: (() => Promise<void>)[],
  stop: () => Promise<void>,
): Promise<Stack> {
  const { progress = () => undefined, log = () => undefined } = options;
  const config = readProjectConfig();
  const keys = options.keys ?? makeKeys();
  const logDir = options.logDir ?? mkdtempSync(join(tmpdir(), "tocsin-logs-"));
  if (!options.logDir) stops.push(() => rm(logDir, { recursive: true, force: true }));
  const warnings: string[] = [];

  // Fetched while the database starts. Its failure is told where it is awaited.
  const names = functionNames();
  const packages = Promise.all(names.map((name) => cacheFunction(name)));
  packages.catch(() => undefined);
  const dashboardBuilt = options.dashboard ? buildDashboard() : undefined;
  dashboardBuilt?.catch(() => undefined);

  const database = await startDatabase(options, config.db.port, stops, progress, warnings);
  const pushed = await pushMigrations(database.ownerUrl).catch((error: unknown) => {
    // An older database than the migrations is the likely cause: say so, where there is one.
    throw new Error([String(error), ...warnings].join("\n"), { cause: error });
  });
  database.rememberMigrations();
  progress(
    pushed > 0
      ? `The Supabase CLI has pushed ${pushed} migrations`
      : "The Supabase CLI has found no new migrations",
  );
  const demo = (options.demo ?? true) && !database.hasOtherTables;
  if (database.hasOtherTables) {
    warnings.push("The database has tables with the names of the demo's: the demo is left out.");
  }
  // At each start: it adds what is missing, the partitions of new months for one.
  if (demo) {
    if (options.history) progress("Making the demo's tables and, at the first start, its past");
    await seed(database.ownerUrl, { history: options.history ?? false });
  }

  const { inbox, receiver } = await startReceivers(options, database.ownerUrl);
  stops.push(inbox.stop, receiver.stop);
  if (demo) await pointDemoAt(database.ownerUrl, receiver.url);
  progress(`The inbox is at ${inbox.url}, the webhook receiver at ${receiver.url}`);

  if (database.standIns.cron) {
    const cron = await startCron({ url: database.url, log });
    stops.push(cron.stop);
  }
  if (database.standIns.net) {
    const net = await startNet({ url: database.adminUrl, log });
    stops.push(net.stop);
  }

  await packages;
  const port = await usualOrAny(options, config.api.port);
  const running: { functions?: Functions } = {};
  const gateway = await startGateway({
    port,
    databaseUrl: database.adminUrl,
    config,
    keys,
    functions: () => running.functions,
  });
  stops.push(gateway.stop);
  progress(`The Data API and Auth answer at ${gateway.url}`);
  const dashboardPort = options.dashboard ? await usualOrAny(options, 54323) : undefined;
  const dashboardUrl = dashboardPort ? `http://127.0.0.1:${dashboardPort}` : undefined;

  const functions = await startFunctions({
    names,
    logDir,
    log,
    env: {
      SUPABASE_URL: gateway.url,
      SUPABASE_DB_URL: database.ownerUrl,
      SUPABASE_SECRET_KEYS: JSON.stringify({ default: keys.secret }),
      SUPABASE_PUBLISHABLE_KEYS: JSON.stringify({ default: keys.publishable }),
      SUPABASE_SERVICE_ROLE_KEY: keys.secret,
      SUPABASE_ANON_KEY: keys.publishable,
      TOCSIN_METRICS_TOKEN: keys.metricsToken,
      TOCSIN_ENVIRONMENT: "local",
      RESEND_API_KEY: "re_local_stack",
      RESEND_BASE_URL: inbox.url,
      TOCSIN_EMAIL_FROM: "Tocsin <alerts@tocsin.local>",
      ...(dashboardUrl ? { TOCSIN_DASHBOARD_URL: dashboardUrl } : {}),
      // The receiver is on this machine and speaks http; nothing else may.
      TOCSIN_ALLOW_INSECURE_HOSTS: new URL(receiver.url).host,
      ...options.secrets,
    },
  });
  stops.push(functions.stop);
  running.functions = functions;
  const functionsUrl = process.env["TOCSIN_FUNCTIONS_URL"] ?? `${gateway.url}/functions/v1`;
  progress(`Edge Functions run: ${names.join(", ")}`);

  const refusal = await signUp(gateway.url, keys);
  if (refusal && !options.databaseUrl) throw new Error(`${operator.email}: ${refusal}`);
  if (refusal) {
    // A real project's Auth tables are another version's: they belong to its own Auth server.
    warnings.push(`Sign up as ${operator.email} in your project; here it was refused: ${refusal}`);
  }
  await withClient(database.ownerUrl, (client) =>
    client.query("select tocsin.setup($1, $2)", [functionsUrl, operator.email]),
  );
  progress(`Tocsin is set up, and ${operator.email} is its operator`);

  if (dashboardPort && (await dashboardBuilt)) progress("The dashboard is built");
  if (dashboardPort) {
    const dashboard = await serveDashboard(dashboardPort, () => ({
      supabaseUrl: gateway.url,
      publishableKey: keys.publishable,
      realtime: false,
      demo: operator,
    }));
    stops.push(dashboard.stop);
    progress(`The dashboard is at ${dashboard.url}`);
  }

  if (demo && (options.workload ?? true)) {
    const workload = await startDemo({ url: database.ownerUrl, log });
    stops.push(workload.stop);
    progress("The demo's workflows run");
  }
  return {
    inbox,
    receiver,
    apiUrl: gateway.url,
    functionsUrl,
    databaseUrl: database.ownerUrl,
    dashboardUrl,
    keys,
    logDir,
    operator,
    warnings,
    stop,
  };
}

async function startReceivers(
  options: StackOptions,
  databaseUrl: string,
): Promise<{ inbox: Inbox; receiver: Receiver }> {
  const file = (name: string): { file?: string } =>
    options.messagesDir ? { file: join(options.messagesDir, name) } : {};
  const inbox = await startInbox({ port: await usualOrAny(options, 54324), ...file("inbox.json") });
  const receiver = await startReceiver({
    port: await usualOrAny(options, 54325),
    secrets: () => readChannelSecrets(databaseUrl),
    ...file("webhooks.json"),
  });
  return { inbox, receiver };
}

/** Asked for at each webhook: channels come, and their secrets change. */
async function readChannelSecrets(url: string): Promise<string[]> {
  const { rows } = await withClient(url, (client) =>
    client.query<{ secret: string }>(
      `select s.decrypted_secret as secret
       from tocsin.alert_channels c join vault.decrypted_secrets s on s.id = c.secret_id`,
    ),
  );
  return rows.map(({ secret }) => secret);
}

/**
 * The demo's channel names the receiver's usual port: another one when that was taken. The receiver
 * takes the heartbeat, too, and the demo's channels what is wrong with Tocsin itself.
 */
async function pointDemoAt(databaseUrl: string, receiverUrl: string): Promise<void> {
  await withClient(databaseUrl, async (client) => {
    await client.query(
      `update tocsin.alert_channels set url = $1
       where url like 'http://127.0.0.1:%/hooks/demo' and url <> $1`,
      [`${receiverUrl}/hooks/demo`],
    );
    await client.query(
      `update tocsin.self_watch
       set heartbeat_url = $1, channel_id = coalesce(channel_id, (
           select channel_id from tocsin.alert_channels where name = 'On-call inbox')),
         fallback_channel_id = coalesce(fallback_channel_id, (
           select channel_id from tocsin.alert_channels where name = 'Incident webhook'))
       where heartbeat_url is distinct from $1`,
      [`${receiverUrl}/ping`],
    );
  });
}

type Database = {
  /** Of the role that pushes migrations. */
  ownerUrl: string;
  /** Of the most powerful role that we have. */
  adminUrl: string;
  url: (role: string) => string;
  standIns: { cron: boolean; net: boolean };
  hasOtherTables: boolean;
  rememberMigrations: () => void;
};

async function startDatabase(
  options: StackOptions,
  port: number,
  stops: (() => Promise<void>)[],
  progress: (line: string) => void,
  warnings: string[],
): Promise<Database> {
  if (options.databaseUrl) {
    const ownerUrl = options.databaseUrl;
    const found = await inspectForeignDatabase(ownerUrl);
    if (!found.hasAuth) await prepareAuth(ownerUrl);
    progress(`PostgreSQL ${found.version} at ${new URL(ownerUrl).host} has what is needed`);
    const url = (role: string): string => Object.assign(new URL(ownerUrl), { username: role }).href;
    return { ...found, ownerUrl, adminUrl: ownerUrl, url, rememberMigrations: () => undefined };
  }
  const server = await startLocalDatabase(options.dataDir, await usualOrAny(options, port));
  stops.push(() => server.stop());
  progress(
    `PostgreSQL runs on port ${server.port}, with ${server.isNew ? "a new" : "your"} database`,
  );
  if (server.outdated.length > 0) {
    warnings.push(
      `Your local database was made before these changed: ${server.outdated.join(", ")}.`,
      "To have it made anew, stop with Ctrl-C, then: npm run reset",
    );
  }
  return {
    ownerUrl: server.url(),
    adminUrl: server.url(superuser),
    url: server.url,
    standIns: { cron: true, net: true },
    hasOtherTables: false,
    rememberMigrations: server.rememberMigrations,
  };
}

function usualOrAny(options: StackOptions, port: number): Promise<number> {
  return freePort(options.usualPorts ? port : 0);
}

/** The demo's user, there already at every start but the first; answers why it could not be made. */
async function signUp(apiUrl: string, keys: Keys): Promise<string | undefined> {
  const call = (path: string): Promise<Response> =>
    fetch(`${apiUrl}/auth/v1/${path}`, {
      method: "POST",
      headers: { apikey: keys.publishable, "content-type": "application/json" },
      body: JSON.stringify(operator),
    });
  const created = await call("signup");
  if (created.ok || (await call("token?grant_type=password")).ok) return undefined;
  return created.text();
}
