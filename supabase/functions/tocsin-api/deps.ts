/** What the handler is given. Tests give their own; `index.ts` gives the platform's. */
import { createDataApi, type DataApi } from "../_shared/data_api.ts";
import type { Env } from "../_shared/env.ts";
import { consoleLog, type Log } from "../_shared/log.ts";

export interface Deps {
  db: DataApi;
  now: () => Date;
  env: Env;
  log: Log;
}

export function platformDeps(): Deps {
  const env: Env = { get: (name) => Deno.env.get(name) };
  return { db: createDataApi({ env, fetch }), now: () => new Date(), env, log: consoleLog };
}
