/**
 * Tells the database the function's TOCSIN_ENVIRONMENT and TOCSIN_RELEASE, which errors that name
 * none are given. Postgres cannot read them by itself.
 */
import { z } from "zod";
import type { DataApi } from "./data_api.ts";
import { type Env, readText } from "./env.ts";
import { type Log, messageOf } from "./log.ts";

/** Once for each function that runs; again when it failed, which is nobody's error. */
export function announcer(db: DataApi, env: Env, log: Log): () => Promise<void> {
  let told = "";
  return async () => {
    const environment = readText(env, "TOCSIN_ENVIRONMENT") ?? null;
    const release = readText(env, "TOCSIN_RELEASE") ?? null;
    const telling = JSON.stringify([environment, release]);
    if (telling === told || (environment === null && release === null)) return;
    told = telling;
    try {
      const args = { p_environment: environment, p_release: release };
      await db.call({ kind: "service" }, "announce_environment", args, z.unknown());
    } catch (error) {
      told = "";
      log.warn("environment_not_announced", { message: messageOf(error) });
    }
  };
}
