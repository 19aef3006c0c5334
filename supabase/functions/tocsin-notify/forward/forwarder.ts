/**
 * The interface of a forwarder. A new one is one file here, one line in the registry, one row of
 * tocsin.forwarders, one page and one test.
 */
import type { Env } from "../../_shared/env.ts";
import type { Answer } from "../../_shared/net/http1.ts";
import { type Outgoing, OutgoingError } from "../../_shared/net/outgoing.ts";
import { oneLine } from "../../_shared/text.ts";
import { parseRetryAfter } from "../retry.ts";
import type { Outbound } from "./stored_error.ts";

/** What one attempt came to. `error` is for people: what happened, and what to do about it. */
export type Sent = {
  httpStatus?: number;
  /** For so long nothing is to be sent there: the receiver asked for it. */
  pauseMs?: number;
} & (
  | { outcome: "forwarded" }
  /** The receiver will never take this one; others it may. */
  | { outcome: "dead"; error: string }
  /** It failed, maybe because of what was sent: the attempt counts. */
  | { outcome: "failed"; error: string }
  /** Nothing would arrive now, whatever is sent: the attempt does not count. */
  | { outcome: "away"; error: string }
  /** The receiver has had enough for now; not its failure, and not the error's. */
  | { outcome: "limited"; error: string; pauseMs: number }
);

export interface SendContext {
  outgoing: Outgoing;
  now: () => Date;
}

/** A forwarder with its secret at hand. */
export interface Connection {
  /** Values that must not be recorded, nor leave in an error's text. */
  secrets: string[];
  /** What it is given is redacted. */
  send(outbound: Outbound, context: SendContext): Promise<Sent>;
}

export interface Forwarder {
  /** As in tocsin.forwarders. */
  name: string;
  /** Undefined: its secret is not set. `problem`: why the secret cannot be used. */
  connect(env: Env): Connection | { problem: string } | undefined;
}

/** A receiver that says 429 without a time is left alone for this long. */
export const limitedPauseMs = 60_000;

/** What an answer other than success means; `advice` is what to look at when it refuses the key. */
export function classifyRefusal(
  receiver: string,
  answer: Answer,
  advice: string,
  now: Date,
  pauseMs?: number,
): Sent {
  const { status } = answer;
  const said = oneLine(answer.body).slice(0, 300);
  const error = `${receiver} answered ${status}${said === "" ? "." : `: ${said}`}`;
  const asked = pauseMs ?? parseRetryAfter(answer.headers.get("retry-after"), now);
  const pause = asked === undefined ? {} : { pauseMs: asked };
  const seen = { httpStatus: status, ...pause };
  if (status === 429) {
    return { outcome: "limited", error, ...seen, pauseMs: asked ?? limitedPauseMs };
  }
  if (status >= 300 && status < 400) {
    return { outcome: "away", error: `${error} Redirects are not followed. ${advice}`, ...seen };
  }
  // A proxy before it may ask for a key of its own; an address that is not there is no error's fault.
  if ([401, 402, 403, 404, 405, 407].includes(status)) {
    return { outcome: "away", error: `${error} ${advice}`, ...seen };
  }
  if ([502, 503, 504].includes(status)) return { outcome: "away", error, ...seen };
  if (status >= 500 || status === 408) return { outcome: "failed", error, ...seen };
  return { outcome: "dead", error, httpStatus: status };
}

/** No answer at all. Whatever is wrong is wrong for every error. */
export function classifyNoAnswer(error: unknown): Sent {
  if (!(error instanceof OutgoingError)) throw error;
  return { outcome: "away", error: error.message };
}
