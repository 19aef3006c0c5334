/** What the handler is given. Tests give their own; `index.ts` gives the platform's. */
import { announcer } from "../_shared/announce.ts";
import { createDataApi } from "../_shared/data_api.ts";
import type { Env } from "../_shared/env.ts";
import { type KeepAlive, keepAlive } from "../_shared/keep_alive.ts";
import { consoleLog, type Log } from "../_shared/log.ts";
import { type Resolve, resolveWithSystem } from "../_shared/net/outgoing.ts";
import { type Channels, channels } from "./channels/registry.ts";
import { createDatabase, type Database } from "./db.ts";
import { createForwardDatabase, type ForwardDatabase } from "./forward/db.ts";
import type { Forwarder } from "./forward/forwarder.ts";
import { createHeartbeatDatabase, type HeartbeatDatabase } from "./heartbeat.ts";
import { forwarders } from "./forward/registry.ts";

export interface Deps {
  db: Database;
  fetch: typeof fetch;
  now: () => Date;
  env: Env;
  log: Log;
  /** [0, 1), for the spread of retries. */
  random: () => number;
  resolve: Resolve;
  channels: Channels;
  forwardings: ForwardDatabase;
  forwarders: readonly Forwarder[];
  heartbeat: HeartbeatDatabase;
  /** Keeps the function alive until the drain is over, should the ringer hang up before. */
  keepAlive: KeepAlive;
  /** Tells the database which environment this is. */
  announce?: () => Promise<void>;
  limits?: Partial<Limits>;
  /** Certificates to trust besides the runtime's, in PEM. For tests. */
  caCerts?: string[];
}

export interface Limits {
  /** Deliveries taken in one claim. */
  claim: number;
  leaseSeconds: number;
  /** Sends at a time: in all, and to one channel. A channel begins with a few and works its way up. */
  concurrency: number;
  perChannel: number;
  /** Attempts in a row without an answer after which a channel is left alone until the next ring. */
  unanswered: number;
  /** No send begins after this long, so that the function ends before the platform ends it. */
  wallMs: number;
  /** Sends in one call: 2 s of CPU are about this many. */
  sends: number;
  connectTimeoutMs: number;
  sendTimeoutMs: number;
}

export const defaultLimits: Limits = {
  claim: 100,
  leaseSeconds: 120,
  concurrency: 48,
  perChannel: 24,
  unanswered: 5,
  wallMs: 100_000,
  sends: 1_000,
  connectTimeoutMs: 10_000,
  sendTimeoutMs: 30_000,
};

export function platformDeps(): Deps {
  const env: Env = { get: (name) => Deno.env.get(name) };
  return {
    db: createDatabase(env, fetch),
    fetch,
    now: () => new Date(),
    env,
    log: consoleLog,
    random: Math.random,
    resolve: resolveWithSystem,
    channels,
    forwardings: createForwardDatabase(env, fetch),
    forwarders,
    heartbeat: createHeartbeatDatabase(env, fetch),
    keepAlive,
    announce: announcer(createDataApi({ env, fetch }), env, consoleLog),
  };
}
