// npm start: the local stack and its demo, until Ctrl-C. Data is kept between starts.
//   npm start -- --no-demo            without the demo's workload
//   TOCSIN_DB_URL=postgres://… npm start      on a database of your own

import { join } from "node:path";
import { parseArgs } from "node:util";
import { readKeys } from "./keys.ts";
import { localDir, serverHome } from "./paths.ts";
import { startStack, type Stack } from "./stack.ts";
import { claimStack, releaseStack, writeStackState } from "./state.ts";

const { values } = parseArgs({ options: { "no-demo": { type: "boolean" } } });
const started = Date.now();
const say = (line: string): void => {
  console.log(`${((Date.now() - started) / 1000).toFixed(1).padStart(6)} s  ${line}`);
};

try {
  claimStack();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
}

const databaseUrl = process.env["TOCSIN_DB_URL"];
console.log("Tocsin's local stack");
const starting = startStack({
  dataDir: join(serverHome(), "data"),
  messagesDir: localDir,
  logDir: join(localDir, "logs"),
  ...(databaseUrl ? { databaseUrl } : {}),
  keys: readKeys(),
  usualPorts: true,
  demo: !values["no-demo"],
  history: true,
  dashboard: true,
  progress: say,
  log: say,
});

let stopping = false;
const stop = async (): Promise<void> => {
  if (stopping) process.exit(130); // asked twice: at once
  stopping = true;
  console.log("\nStopping …");
  const stack = await starting.catch(() => undefined);
  await stack?.stop();
  releaseStack();
  process.exit(0);
};
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => void stop());

try {
  const stack = await starting;
  writeStackState({ pid: process.pid, databaseUrl: stack.databaseUrl, apiUrl: stack.apiUrl });
  if (!stopping) introduce(stack);
  if (!values["no-demo"]) void announceFirstAlert(stack);
} catch (error) {
  console.error("\nThe stack did not start.");
  console.error(error instanceof Error ? error.message : error);
  releaseStack();
  process.exit(1);
}

function introduce(stack: Stack): void {
  const { email, password } = stack.operator;
  const lines: [string, string][] = [
    ["Dashboard", stack.dashboardUrl ?? ""],
    ["Demo login", `${email}   password: ${password}`],
    ["Inbox", stack.inbox.url],
    ["Webhooks", stack.receiver.url],
    ["API", stack.apiUrl],
    ["Publishable key", stack.keys.publishable],
    ["Secret key", stack.keys.secret],
    ["Metrics", `${stack.functionsUrl}/tocsin-api/metrics   token: ${stack.keys.metricsToken}`],
    ["Database", stack.databaseUrl],
    ["Logs of functions", stack.logDir],
  ];
  say("Ready\n");
  for (const [name, value] of lines) console.log(`  ${name.padEnd(18)} ${value}`);
  for (const warning of stack.warnings) console.log(`\n  ${warning}`);
  console.log('\nCtrl-C stops it; "npm run reset" forgets its data.\n');
}

/** So that nobody has to guess when there is something to see. */
async function announceFirstAlert(stack: Stack): Promise<void> {
  const isNew = ({ received_at }: { received_at: string }): boolean =>
    Date.parse(received_at) >= started;
  const patience = 10 * 60_000;
  await Promise.allSettled([
    stack.inbox.waitFor(isNew, patience).then(({ subject, id }) => {
      say(`First alert email: ${subject}  ${stack.inbox.url}/#${id}`);
    }),
    stack.receiver.waitFor(isNew, patience).then(({ verified }) => {
      say(
        `First webhook, ${verified ? "its signature verified" : "NOT verified"}  ${stack.receiver.url}`,
      );
    }),
  ]);
}
