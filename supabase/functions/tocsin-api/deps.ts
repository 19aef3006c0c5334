/** What the handler is given. Tests give their own; `index.ts` gives the platform's. */
import { createDataApi, type DataApi } from "../_shared/data_api.ts";
import type { Env } from "../_shared/env.ts";
import { keepAlive } from "../_shared/keep_alive.ts";
import { consoleLog, type Log } from "../_shared/log.ts";

export interface Deps {
  db: DataApi;
  now: () => Date;
  env: Env;
  log: Log;
  /** Does something in a while, whatever becomes of the answers meanwhile. */
  later: (work: () => Promise<void>, afterMs: number) => void;
}

export function platformDeps(): Deps {
  const env: Env = { get: (name) => Deno.env.get(name) };
  return {
    db: createDataApi({ env, fetch }),
    now: () => new Date(),
    env,
    log: consoleLog,
    later: (work, afterMs) =>
      keepAlive(new Promise((resolve) => setTimeout(resolve, afterMs)).then(work)),
  };
}
