/**
 * Forwards what is due: claim, send, record, until nothing is claimed or a limit is near. At least
 * once: what cannot be recorded is claimed again when its lease has run out, and sent again under
 * the same event id.
 *
 * The forwarders do not wait for each other. One that is away, or has had enough, is left alone at
 * once: what was claimed for it goes back unattempted, and the database remembers for how long.
 */
import { type Env, readText, readUrl } from "../../_shared/env.ts";
import { type Log, messageOf } from "../../_shared/log.ts";
import type { Outgoing } from "../../_shared/net/outgoing.ts";
import { redact } from "../../_shared/redact.ts";
import { cutBytes, oneLine } from "../../_shared/text.ts";
import { maxAttempts, waitAfter } from "../retry.ts";
import {
  type ForwardClaim,
  type ForwardDatabase,
  type ForwardResult,
  isMissing,
  type Pause,
} from "./db.ts";
import type { Connection, Forwarder, Sent } from "./forwarder.ts";
import { redactDeep } from "./redact_deep.ts";
import type { Outbound } from "./stored_error.ts";

export interface ForwardDeps {
  db: ForwardDatabase;
  forwarders: readonly Forwarder[];
  env: Env;
  now: () => Date;
  random: () => number;
  log: Log;
  outgoing: Outgoing;
}

export interface ForwardLimits {
  /** Errors taken in one claim, for each forwarder. */
  claim: number;
  leaseSeconds: number;
  /** Sends at a time to one receiver. */
  concurrency: number;
  /** No send begins after this long. */
  wallMs: number;
  /** Sends in one call, beside those of the drain: each costs some of the function's 2 s of CPU. */
  sends: number;
  /** How long one send may take at most. */
  sendTimeoutMs: number;
}

export const defaultForwardLimits: ForwardLimits = {
  claim: 50,
  leaseSeconds: 120,
  concurrency: 8,
  wallMs: 60_000,
  sends: 250,
  sendTimeoutMs: 30_000,
};

export interface ForwardCounts {
  claimed: number;
  forwarded: number;
  retried: number;
  dead: number;
  /** Given back: not attempted, or nothing could have arrived. */
  released: number;
  /** Not recorded: the database was away, or the lease was lost. */
  unrecorded: number;
}

/** For recording, after the longest send. */
const leaseMarginMs = 5_000;
const longestError = 1_000;

export async function forwardDue(
  deps: ForwardDeps,
  limits: ForwardLimits = defaultForwardLimits,
): Promise<ForwardCounts> {
  const counts = { claimed: 0, forwarded: 0, retried: 0, dead: 0, released: 0, unrecorded: 0 };
  const startedAt = deps.now().getTime();
  const connections = new Map<string, Connection>();
  const announced: Record<string, string | null> = {};
  for (const forwarder of deps.forwarders) {
    const connection = forwarder.connect(deps.env);
    if (connection === undefined) continue;
    announced[forwarder.name] = "problem" in connection ? connection.problem : null;
    if (!("problem" in connection)) connections.set(forwarder.name, connection);
  }

  for (;;) {
    const isLate = deps.now().getTime() - startedAt >= limits.wallMs;
    const room = Math.min(limits.claim, limits.sends - counts.claimed);
    if (isLate || room <= 0) return counts;
    const claimedAt = deps.now().getTime();
    const { claims, unreadable } = await deps.db.claim(announced, room, limits.leaseSeconds);
    for (const reason of unreadable) deps.log.error("forwarding_unreadable", { reason });
    counts.claimed += claims.length + unreadable.length;
    counts.unrecorded += unreadable.length;
    if (claims.length === 0) return counts;
    const until = Math.min(
      claimedAt + limits.leaseSeconds * 1_000 - limits.sendTimeoutMs - leaseMarginMs,
      startedAt + limits.wallMs,
    );
    const lanes = [...Map.groupBy(claims, (claim) => claim.forwarder)].map(
      async ([name, ofOne]) => {
        const batch = await sendAll(ofOne, connections.get(name), until, limits, deps);
        await record(name, batch, counts, deps);
      },
    );
    await Promise.all(lanes);
  }
}

interface Batch {
  results: ForwardResult[];
  pause: Pause | undefined;
}

async function sendAll(
  claims: readonly ForwardClaim[],
  connection: Connection | undefined,
  until: number,
  limits: ForwardLimits,
  deps: ForwardDeps,
): Promise<Batch> {
  const batch: Batch = { results: [], pause: undefined };
  const waiting = [...claims];
  const worker = async () => {
    for (;;) {
      const mayBegin = batch.pause === undefined && deps.now().getTime() < until;
      const claim = mayBegin ? waiting.shift() : undefined;
      if (claim === undefined || connection === undefined) return;
      const sent = await sendOne(claim, connection, deps);
      batch.results.push(resultOf(claim, sent, deps));
      batch.pause = laterOf(batch.pause, pauseOf(sent, deps.now()));
    }
  };
  await Promise.all(Array.from({ length: limits.concurrency }, worker));
  batch.results.push(
    ...waiting.map((claim) => ({ ...keyOf(claim), outcome: "released" as const })),
  );
  return batch;
}

async function sendOne(
  claim: ForwardClaim,
  connection: Connection,
  { env, log, now, outgoing }: ForwardDeps,
): Promise<Sent> {
  const secrets = [...connection.secrets, ...ownSecrets(env)];
  try {
    const outbound = redactDeep(outboundOf(claim, env), secrets);
    const sent = await connection.send(
      // Dates are no plain objects: what redacts texts leaves them out.
      { ...outbound, error: { ...outbound.error, timestamp: claim.error.timestamp } },
      { outgoing, now },
    );
    if (sent.outcome === "forwarded") return sent;
    return { ...sent, error: cutBytes(oneLine(redact(sent.error, secrets)), longestError) };
  } catch (error) {
    const message = redact(messageOf(error), secrets);
    log.error("forwarding_failed_unexpectedly", { forwarder: claim.forwarder, error: message });
    return { outcome: "failed", error: `tocsin-notify failed: ${message.slice(0, longestError)}` };
  }
}

function outboundOf({ eventId, error }: ForwardClaim, env: Env): Outbound {
  const dashboard = readUrl(env, "TOCSIN_DASHBOARD_URL");
  return {
    eventId,
    error,
    environment: readText(env, "TOCSIN_ENVIRONMENT"),
    release: readText(env, "TOCSIN_RELEASE"),
    link:
      dashboard === undefined || error.group_id === undefined
        ? dashboard
        : `${dashboard}/errors/${error.group_id}`,
  };
}

/** What the function knows and must not tell, beside the receiver's own key. */
function ownSecrets(env: Env): string[] {
  return [
    "SUPABASE_SERVICE_ROLE_KEY",
    "RESEND_API_KEY",
    "SENTRY_DSN",
    "ROLLBAR_ACCESS_TOKEN",
    "TWILIO_AUTH_TOKEN",
  ].flatMap((name) => readText(env, name) ?? []);
}

function keyOf({ forwarder, errorId, projectId, attempt }: ForwardClaim) {
  return { forwarder, errorId, projectId, attempt };
}

function resultOf(claim: ForwardClaim, sent: Sent, deps: ForwardDeps): ForwardResult {
  const seen = {
    ...keyOf(claim),
    ...(sent.httpStatus === undefined ? {} : { httpStatus: sent.httpStatus }),
  };
  switch (sent.outcome) {
    case "forwarded":
      return { ...seen, outcome: "forwarded" };
    case "dead":
      return { ...seen, outcome: "dead", error: sent.error };
    case "away":
    case "limited":
      return { ...seen, outcome: "released", error: sent.error };
    case "failed": {
      const wait = waitAfter(claim.attempt, deps.random, { retryAfterMs: sent.pauseMs });
      if (wait === undefined) {
        const last = `That was attempt ${claim.attempt} of ${maxAttempts}, the last.`;
        return { ...seen, outcome: "dead", error: `${sent.error} ${last}` };
      }
      const nextAttemptAt = new Date(deps.now().getTime() + wait);
      return { ...seen, outcome: "retry", error: sent.error, nextAttemptAt };
    }
  }
}

/** What an answer means for the errors after it. */
function pauseOf(sent: Sent, now: Date): Pause | undefined {
  const until = sent.pauseMs === undefined ? {} : { until: new Date(now.getTime() + sent.pauseMs) };
  switch (sent.outcome) {
    case "forwarded":
      return sent.pauseMs === undefined
        ? undefined
        : { ...until, error: "It has had enough for now.", isFailure: false };
    case "dead":
      return undefined;
    case "limited":
      return { ...until, error: sent.error, isFailure: false };
    case "away":
    case "failed":
      return { ...until, error: sent.error, isFailure: true };
  }
}

function laterOf(one: Pause | undefined, other: Pause | undefined): Pause | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  const later = (one.until?.getTime() ?? 0) >= (other.until?.getTime() ?? 0) ? one : other;
  return { ...later, isFailure: one.isFailure || other.isFailure };
}

async function record(
  name: string,
  { results, pause }: Batch,
  counts: ForwardCounts,
  { db, log }: ForwardDeps,
): Promise<void> {
  let taken = 0;
  try {
    taken = await db.record(results, pause === undefined ? {} : { [name]: pause });
  } catch (error) {
    log.error("forwarding_not_recorded", { count: results.length, error: messageOf(error) });
    counts.unrecorded += results.length;
    return;
  }
  counts.unrecorded += results.length - taken;
  for (const { outcome } of results) {
    if (outcome === "forwarded") counts.forwarded += 1;
    else if (outcome === "retry") counts.retried += 1;
    else if (outcome === "dead") counts.dead += 1;
    else counts.released += 1;
  }
  if (pause !== undefined) log.warn("forwarder_paused", { forwarder: name, reason: pause.error });
}

/**
 * One at a time in an instance: a ring while it is at work has nothing to add, since it looks again
 * until nothing is due. Forwarding never fails the drain.
 */
export function createForwarding(
  deps: Omit<ForwardDeps, "outgoing">,
  makeOutgoing: () => Outgoing,
): () => Promise<ForwardCounts | undefined> {
  let current: Promise<ForwardCounts | undefined> | undefined;
  return async () => {
    if (current !== undefined) return undefined;
    current = forwardDue({ ...deps, outgoing: makeOutgoing() }).catch((error: unknown) => {
      if (!isMissing(error)) deps.log.error("forwarding_failed", { error: messageOf(error) });
      return undefined;
    });
    try {
      return await current;
    } finally {
      current = undefined;
    }
  };
}
