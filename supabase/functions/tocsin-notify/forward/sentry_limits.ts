/**
 * X-Sentry-Rate-Limits: `60:error;default:organization, 2700::key`. Each part says for how many
 * seconds which categories of data are not wanted; none named: nothing is.
 */
import { parseRetryAfter } from "../retry.ts";

/** Errors with an exception are of the one, plain messages of the other. */
const ours = ["error", "default"];

/** For how long no errors are wanted; undefined: they are. */
export function parseRateLimits(header: string | null | undefined): number | undefined {
  const waits = (header ?? "").split(",").flatMap((limit) => {
    const [seconds, categories] = limit.trim().split(":");
    if (seconds === undefined || !/^\d+(\.\d+)?$/.test(seconds.trim())) return [];
    const named = (categories ?? "")
      .split(";")
      .map((category) => category.trim().toLowerCase())
      .filter(Boolean);
    const isOurs = named.length === 0 || named.some((category) => ours.includes(category));
    return isOurs ? [Number(seconds) * 1_000] : [];
  });
  return waits.length === 0 ? undefined : Math.max(...waits);
}

/** What an answer asks for: by Sentry's own header, else by Retry-After where it is overrun. */
export function pauseOf(
  status: number,
  headers: ReadonlyMap<string, string>,
  now: Date,
): number | undefined {
  const limits = headers.get("x-sentry-rate-limits");
  if (limits !== undefined) return parseRateLimits(limits);
  if (status !== 429 && status !== 503) return undefined;
  return parseRetryAfter(headers.get("retry-after"), now);
}
