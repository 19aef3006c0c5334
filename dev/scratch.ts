// A throw-away server with the product on it, until Ctrl-C: to try SQL without the whole stack.
//   node dev/scratch.ts [--empty] [--port 54399] [--workers]
// --empty leaves the product's migrations out; --workers runs what is behind pg_cron and pg_net.

import { parseArgs } from "node:util";
import { startCron } from "./cron.ts";
import { applyMigrations, bootstrapDatabase } from "./database.ts";
import { startNet } from "./net.ts";
import { startPostgres, superuser } from "./postgres.ts";

const { values } = parseArgs({
  options: {
    empty: { type: "boolean" },
    workers: { type: "boolean" },
    port: { type: "string", default: "54399" },
  },
});
const server = await startPostgres({ port: Number(values.port) });
const stop = async (code: number): Promise<never> => {
  await server.stop();
  process.exit(code);
};
process.once("SIGINT", () => void stop(0));
process.once("SIGTERM", () => void stop(0));
try {
  await bootstrapDatabase(server.url(superuser));
  if (!values.empty) await applyMigrations(server.url());
  if (values.workers) {
    const log = (line: string): void => console.error(line);
    await startCron({ url: server.url, log });
    await startNet({ url: server.url(superuser), log });
  }
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  await stop(1);
}
console.log(`export TOCSIN_DB_URL=${server.url()}`);
console.log(`superuser: ${server.url(superuser)}`);
console.log(`log: ${server.logFile}   Ctrl-C stops it and forgets everything`);
setInterval(() => undefined, 60_000);
