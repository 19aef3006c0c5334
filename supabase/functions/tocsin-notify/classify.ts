/** What an answer, or the lack of one, means for a delivery. Pure: the clock is an argument. */
import type { Answer } from "../_shared/net/http1.ts";
import { OutgoingError } from "../_shared/net/outgoing.ts";
import { oneLine } from "../_shared/text.ts";
import type { SendResult } from "./channels/channel.ts";
import { parseRetryAfter } from "./retry.ts";

/** A receiver's answer to a webhook. Everything but 2xx and 410 is worth another attempt. */
export function classifyWebhookAnswer(answer: Answer, host: string, now: Date): SendResult {
  const { status } = answer;
  const seen = { httpStatus: status, response: answer.body };
  if (status >= 200 && status < 300) return { outcome: "delivered", ...seen };
  if (status === 410) {
    return {
      outcome: "dead",
      error: `gone: ${host} answered 410 and wants no more. Give the channel a new address.`,
      gone: true,
      ...seen,
    };
  }
  if (status >= 300 && status < 400) {
    const location = oneLine(answer.headers.get("location") ?? "");
    return {
      outcome: "retry",
      error:
        `${host} answered ${status}, and redirects are not followed` +
        (location === ""
          ? "."
          : `: if ${location.slice(0, 300)} is right, make it the channel's address.`),
      ...seen,
    };
  }
  return {
    outcome: "retry",
    error: `${host} answered ${status}.`,
    ...pace(status, answer.headers.get("retry-after"), now),
    ...seen,
  };
}

/** No answer from a receiver. An address that may not be sent to stays so. */
export function classifyWebhookFailure(error: unknown): SendResult {
  if (!(error instanceof OutgoingError)) throw error;
  if (error.code === "blocked" || error.code === "invalid") {
    return { outcome: "dead", error: error.message };
  }
  return { outcome: "retry", error: error.message, overloaded: error.code === "timeout" };
}

export interface ResendError {
  status: number;
  name: string;
  message: string;
  retryAfter: string | null;
  response: string;
}

/** Resend's refusal. What an operator can put right is tried again, what is wrong in itself is not. */
export function classifyResendError(error: ResendError, now: Date): SendResult {
  const { status, name } = error;
  const seen = { httpStatus: status, response: error.response };
  const said = `Resend answered ${status} ${name}: ${oneLine(error.message)}`;
  if (status === 409 && name === "invalid_idempotent_request") {
    return {
      outcome: "dead",
      error:
        `${said} It has a message under this id with another text, so most likely an earlier ` +
        "attempt was sent. Look for it in Resend's log before you retry.",
      ...seen,
    };
  }
  if (status === 400 || status === 422) return { outcome: "dead", error: said, ...seen };
  if (status === 401 || status === 403) {
    return {
      outcome: "retry",
      error: `${said} Check the function secrets RESEND_API_KEY and TOCSIN_EMAIL_FROM.`,
      ...seen,
    };
  }
  return { outcome: "retry", error: said, ...pace(status, error.retryAfter, now), ...seen };
}

/** 429 and 503 may say for how long; a 429 that does not is given a minute. */
export function pace(status: number, retryAfter: string | null | undefined, now: Date) {
  if (status !== 429 && status !== 503) return {};
  const retryAfterMs = parseRetryAfter(retryAfter, now);
  return retryAfterMs === undefined ? { overloaded: status === 429 } : { retryAfterMs };
}
