/** One attempt of one delivery: send it, and say what is to be recorded. Never throws. */
import { readText } from "../_shared/env.ts";
import { messageOf } from "../_shared/log.ts";
import type { Outgoing } from "../_shared/net/outgoing.ts";
import { redact } from "../_shared/redact.ts";
import { clean, cutBytes, oneLine } from "../_shared/text.ts";
import type { SendResult } from "./channels/channel.ts";
import type { Attempt } from "./db.ts";
import type { Deps } from "./deps.ts";
import { type Claim, notificationSchema } from "./notification.ts";
import { maxAttempts, overloadedWaitMs, waitAfter } from "./retry.ts";

export type AttemptDeps = Pick<Deps, "channels" | "env" | "fetch" | "now" | "random" | "log"> & {
  outgoing: Outgoing;
  sendTimeoutMs: number;
};

/** What is kept of an answer. */
const recordedBytes = 2_048;
/** An attempt is not planned so near to the end that it could begin after it. */
const marginMs = 5 * 60_000;

export interface Attempted {
  attempt: Attempt;
  /** There was no answer in time: the channel may be down. */
  unanswered: boolean;
  /** The receiver asked to be left alone, or wants no more. */
  resting: boolean;
}

export async function makeAttempt(claim: Claim, deps: AttemptDeps): Promise<Attempted> {
  const startedAt = deps.now();
  const result = await send(claim, deps, startedAt);
  const finishedAt = deps.now();
  const next = nextAttempt(claim, result, deps, finishedAt);
  const secrets = secretsOf(claim, deps);
  const hold = holdOf(result);
  const isGone = result.outcome === "dead" && result.gone === true;
  return {
    attempt: {
      deliveryId: claim.delivery_id,
      attempt: claim.attempt,
      outcome: next.outcome,
      startedAt,
      finishedAt,
      nextAttemptAt: next.at,
      httpStatus: result.httpStatus ?? null,
      error: next.error === null ? null : cutBytes(oneLine(redact(next.error, secrets)), 1_000),
      response:
        result.response === undefined
          ? null
          : cutBytes(
              clean(redact(cutBytes(result.response, 4 * recordedBytes), secrets)),
              recordedBytes,
            ),
      providerId: result.outcome === "delivered" ? (result.providerId ?? null) : null,
      holdUntil: hold === undefined ? null : new Date(finishedAt.getTime() + hold),
      isGone,
    },
    resting: hold !== undefined || isGone,
    unanswered: result.outcome === "retry" && result.httpStatus === undefined,
  };
}

/** For how long the receiver asked to be left alone, whatever else is to be sent to it. */
function holdOf(result: SendResult): number | undefined {
  if (result.outcome !== "retry") return undefined;
  return result.retryAfterMs ?? (result.httpStatus === 429 ? overloadedWaitMs : undefined);
}

async function send(claim: Claim, deps: AttemptDeps, now: Date): Promise<SendResult> {
  const channel = deps.channels.get(claim.channel_kind);
  if (channel === undefined) {
    return {
      outcome: "retry",
      error:
        `This version of tocsin-notify cannot send to channels of kind "${claim.channel_kind}". ` +
        "Run: supabase functions deploy tocsin-notify",
    };
  }
  const notification = notificationSchema.safeParse(claim.notification);
  if (!notification.success) {
    const [issue] = notification.error.issues;
    return {
      outcome: "retry",
      error: `This version of tocsin-notify cannot read the notification (${issue?.path.join(
        ".",
      )}: ${issue?.message}). Run: supabase functions deploy tocsin-notify`,
    };
  }
  if (claim.attempt > 1 && now.getTime() >= repeatableUntil(claim, channel.repeatableForMs)) {
    return { outcome: "dead", error: tooOld("an earlier attempt may have arrived") };
  }
  try {
    return await channel.send(
      {
        deliveryId: claim.delivery_id,
        channelName: claim.channel_name,
        config: claim.channel_config,
        secrets: claim.channel_secrets,
        notification: notification.data,
        template: claim.template,
      },
      {
        env: deps.env,
        fetch: deps.fetch,
        outgoing: deps.outgoing,
        now: deps.now,
        timeoutMs: deps.sendTimeoutMs,
      },
    );
  } catch (error) {
    deps.log.error("send_failed_unexpectedly", {
      delivery_id: claim.delivery_id,
      channel_kind: claim.channel_kind,
      error: messageOf(error),
    });
    return { outcome: "retry", error: `tocsin-notify failed: ${messageOf(error)}` };
  }
}

function nextAttempt(
  claim: Claim,
  result: SendResult,
  deps: AttemptDeps,
  finishedAt: Date,
): { outcome: Attempt["outcome"]; at: Date | null; error: string | null } {
  if (result.outcome === "delivered") return { outcome: "delivered", at: null, error: null };
  if (result.outcome === "dead") return { outcome: "dead", at: null, error: result.error };
  const number = claim.attempt - claim.earlier_attempts;
  const wait = waitAfter(number, deps.random, result);
  if (wait === undefined) {
    return {
      outcome: "dead",
      at: null,
      error: `${result.error} That was attempt ${number} of ${maxAttempts}, the last.`,
    };
  }
  const at = new Date(finishedAt.getTime() + wait);
  const until = repeatableUntil(claim, deps.channels.get(claim.channel_kind)?.repeatableForMs);
  if (at.getTime() > until - marginMs) {
    return { outcome: "dead", at: null, error: `${result.error} ${tooOld("repeating it later")}` };
  }
  return { outcome: "retry", at, error: result.error };
}

/** Before the last moment at which the receiver still knows the id from the first attempt. */
function repeatableUntil(claim: Claim, repeatableForMs: number | undefined): number {
  return claim.created_at.getTime() + (repeatableForMs ?? Infinity);
}

function tooOld(what: string): string {
  return (
    `It is not repeated: the provider remembers its id for a day only, and ${what} could ` +
    "send it twice."
  );
}

function secretsOf(claim: Claim, deps: AttemptDeps): string[] {
  const own = ["RESEND_API_KEY", "TWILIO_AUTH_TOKEN", "SUPABASE_SERVICE_ROLE_KEY"].map((name) =>
    readText(deps.env, name),
  );
  return [
    ...claim.channel_secrets,
    ...(deps.channels.get(claim.channel_kind)?.secretsOf(claim.channel_config) ?? []),
    ...own.filter((value) => value !== undefined),
  ];
}
