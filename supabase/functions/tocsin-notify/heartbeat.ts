/**
 * The heartbeat: asks the address outside that operators named, so that silence is noticed there
 * when the database or this function is down. The database says when, and only while its heart is
 * well. Never throws: a ping that fails is recorded, and the next is a minute away.
 */
import { z } from "zod";
import { createDataApi } from "../_shared/data_api.ts";
import type { Env } from "../_shared/env.ts";
import { type Log, messageOf } from "../_shared/log.ts";
import type { Outgoing } from "../_shared/net/outgoing.ts";
import { version } from "../_shared/version.ts";

export interface HeartbeatDatabase {
  /** The address to ping now, for who asks first; null: none. */
  claim(): Promise<string | null>;
  /** Why the ping did not get through; null: it did. */
  record(error: string | null): Promise<void>;
}

export function createHeartbeatDatabase(env: Env, fetch: typeof globalThis.fetch) {
  const api = createDataApi({ env, fetch });
  const call = <T extends z.ZodType>(name: string, args: Record<string, unknown>, result: T) =>
    api.call({ kind: "service" }, name, args, result);
  return {
    claim: () => call("claim_heartbeat", {}, z.string().nullable()),
    record: async (error) => {
      await call("record_heartbeat", { p_error: error }, z.unknown());
    },
  } satisfies HeartbeatDatabase;
}

export async function pingOutside(
  db: HeartbeatDatabase,
  outgoing: Outgoing,
  log: Log,
): Promise<void> {
  try {
    const url = await db.claim();
    if (url === null) return;
    const error = await ping(url, outgoing);
    if (error !== null) log.warn("heartbeat_failed", { error });
    await db.record(error);
  } catch (error) {
    log.error("heartbeat_not_recorded", { message: messageOf(error) });
  }
}

/** Says of the address no more than its host: who knows the rest can say that all is well. */
async function ping(url: string, outgoing: Outgoing): Promise<string | null> {
  try {
    const { status } = await outgoing({ url, headers: { "user-agent": `Tocsin/${version}` } });
    if (status >= 200 && status <= 299) return null;
    return `${new URL(url).host} answered ${status}.`;
  } catch (error) {
    return messageOf(error);
  }
}
