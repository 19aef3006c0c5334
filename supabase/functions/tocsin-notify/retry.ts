/**
 * When an attempt is repeated. The waits grow from seconds to hours, 29 h in all, each spread by
 * 20 % either way so that what failed together does not return together.
 */
const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/** The wait after the first attempt, after the second, and so on. */
export const waits: readonly number[] = [
  5 * SECOND,
  30 * SECOND,
  2 * MINUTE,
  10 * MINUTE,
  30 * MINUTE,
  2 * HOUR,
  6 * HOUR,
  10 * HOUR,
  10 * HOUR,
];

/** Attempts in all: the last one is not followed by a wait. */
export const maxAttempts = waits.length + 1;

/** A receiver that is overrun is left alone for at least this long, when it does not say for how long. */
export const overloadedWaitMs = MINUTE;

export const longestWaitMs = 24 * HOUR;

const spread = 0.2;

export interface Wait {
  /** What the receiver asked for in Retry-After. */
  retryAfterMs?: number | undefined;
  /** It timed out, or said 429 without a time. */
  overloaded?: boolean | undefined;
}

/**
 * How long to wait after attempt number `attempt`, or undefined when it was the last.
 * `random` gives [0, 1). Never earlier than was asked for, but for requests beyond a day.
 */
export function waitAfter(
  attempt: number,
  random: () => number,
  { retryAfterMs, overloaded }: Wait = {},
): number | undefined {
  const planned = waits[attempt - 1];
  if (planned === undefined) return undefined;
  let wait = planned * (1 - spread + 2 * spread * random());
  if (retryAfterMs !== undefined) {
    wait = Math.max(wait, retryAfterMs * (1 + spread * random()));
  } else if (overloaded === true) {
    wait = Math.max(wait, overloadedWaitMs * (1 + spread * random()));
  }
  return Math.round(Math.min(wait, longestWaitMs));
}

/** Retry-After as milliseconds from now: seconds, or an HTTP date. Undefined when it is neither. */
export function parseRetryAfter(value: string | null | undefined, now: Date): number | undefined {
  const text = value?.trim() ?? "";
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text) * SECOND;
  // An HTTP date begins with the day's name; Date.parse alone would take much else for a date.
  if (!/^(mon|tue|wed|thu|fri|sat|sun)/i.test(text)) return undefined;
  const at = Date.parse(text);
  return Number.isNaN(at) ? undefined : Math.max(0, at - now.getTime());
}
