/** The parameters that several routes have, each with a message that says what is allowed. */
import { z } from "zod";
import { invalidQuery } from "./errors.ts";

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;
const units = { m: minute, h: hour, d: day, w: 7 * day } as const;

const earliest = Date.UTC(1970, 0, 1);
const latest = Date.UTC(2200, 0, 1);

/** Text that the database can take: it has no place for NUL. */
export function text(max: number) {
  return z.string().refine((value) => value.length <= max && !value.includes("\0"), {
    error: `At most ${max} characters, none of them NUL.`,
  });
}

/** A project as its runs name it; empty: the runs that belong to none. */
export const projectId = text(200).optional();

export const sourceId = z
  .string()
  .regex(/^[a-z][a-z0-9_]{0,39}$/, {
    error: "A source of tocsin.run_sources: a-z, 0-9 and _, from a letter, at most 40 characters.",
  })
  .optional();

export const timeZone = z
  .string()
  .regex(/^[A-Za-z][\w+/-]{0,63}$/, { error: "An IANA name, such as Europe/Berlin." })
  .default("UTC");

export function wholeNumber(min: number, max: number, usual: number) {
  const error = `A whole number from ${min} to ${max}; left out: ${usual}.`;
  return z
    .string()
    .regex(/^-?\d{1,15}$/, { error })
    .transform(Number)
    .refine((value) => value >= min && value <= max, { error })
    .default(usual);
}

/** A point in time: fixed, or so many milliseconds before now. */
export type Instant = { at: number } | { before: number };

const instantError =
  "An ISO 8601 time with its zone, from 1970 to 2199 (2026-03-04T10:00:00Z, or +01:00 with the + " +
  "written as %2B), or before now: -90m, -24h, -7d, -4w; or now.";

export const instant = z.string().transform((value, context): Instant => {
  if (value === "now") return { before: 0 };
  const [, count, unit] = /^-(\d{1,5})([mhdw])$/.exec(value) ?? [];
  if (unit !== undefined) return { before: Number(count) * units[unit as keyof typeof units] };
  // In a query a + is a blank; no time has one there, so what was meant is plain.
  const parsed = z.iso.datetime({ offset: true }).safeParse(value.replace(/ (?=\d\d:\d\d$)/, "+"));
  const at = parsed.success ? Date.parse(parsed.data) : NaN;
  if (at >= earliest && at < latest) return { at };
  context.addIssue({ code: "custom", message: instantError });
  return z.NEVER;
});

export interface Range {
  from: Date;
  to: Date;
}

/**
 * The range that was asked for; by default the last 24 hours. Now is the end of the current minute:
 * all that has happened lies before it, and the same question has the same answer for a while.
 * Throws what is to be answered when it is none.
 */
export function rangeOf(now: Date, from: Instant | undefined, to: Instant | undefined): Range {
  const present = (Math.floor(now.getTime() / minute) + 1) * minute;
  const place = (one: Instant) => new Date("at" in one ? one.at : present - one.before);
  const end = to === undefined ? new Date(present) : place(to);
  const begin = from === undefined ? new Date(end.getTime() - day) : place(from);
  if (begin < end) return { from: begin, to: end };
  throw invalidQuery([
    { path: "from", message: `It has to be before to, which is ${end.toISOString()} here.` },
  ]);
}

/** The buckets that the API has a name for: how long they are, and what Postgres calls them. */
export const buckets = {
  "1m": { ms: minute, interval: "1 minute" },
  "5m": { ms: 5 * minute, interval: "5 minutes" },
  "10m": { ms: 10 * minute, interval: "10 minutes" },
  "15m": { ms: 15 * minute, interval: "15 minutes" },
  "30m": { ms: 30 * minute, interval: "30 minutes" },
  "1h": { ms: hour, interval: "1 hour" },
  "2h": { ms: 2 * hour, interval: "2 hours" },
  "3h": { ms: 3 * hour, interval: "3 hours" },
  "4h": { ms: 4 * hour, interval: "4 hours" },
  "6h": { ms: 6 * hour, interval: "6 hours" },
  "8h": { ms: 8 * hour, interval: "8 hours" },
  "12h": { ms: 12 * hour, interval: "12 hours" },
  "1d": { ms: day, interval: "1 day" },
  "7d": { ms: 7 * day, interval: "7 days" },
  "1mo": { ms: 30 * day, interval: "1 month" },
} as const;
export type Bucket = keyof typeof buckets;

const bucketNames = Object.keys(buckets) as [Bucket, ...Bucket[]];

export const bucket = z
  .enum(bucketNames, { error: `One of: ${bucketNames.join(", ")}.` })
  .optional();

const usualBuckets: Bucket[] = ["1m", "5m", "15m", "1h", "6h", "12h", "1d", "7d"];
const mostUsualBuckets = 200;

/** The shortest of the usual buckets that the range has no more than 200 of. */
export function usualBucket({ from, to }: Range): Bucket {
  const length = to.getTime() - from.getTime();
  return usualBuckets.find((name) => length / buckets[name].ms <= mostUsualBuckets) ?? "1mo";
}
