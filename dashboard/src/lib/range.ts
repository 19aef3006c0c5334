// Ranges of time, as they stand in the address: "24h", or "2026-11-01T00:00Z..2026-11-03T12:00Z".

export const presets = ["15m", "1h", "6h", "24h", "7d", "30d", "90d", "1y"] as const;
export type Preset = (typeof presets)[number];

export const usualRange: Preset = "24h";

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;

const lengths: Record<Preset, number> = {
  "15m": 15 * minute,
  "1h": hour,
  "6h": 6 * hour,
  "24h": day,
  "7d": 7 * day,
  "30d": 30 * day,
  "90d": 90 * day,
  "1y": 365 * day,
};

export const presetNames: Record<Preset, string> = {
  "15m": "Last 15 minutes",
  "1h": "Last hour",
  "6h": "Last 6 hours",
  "24h": "Last 24 hours",
  "7d": "Last 7 days",
  "30d": "Last 30 days",
  "90d": "Last 90 days",
  "1y": "Last year",
};

/** As the database takes them: what divides a day, and the calendar's. */
const buckets: [length: number, name: string][] = [
  [minute, "1 minute"],
  [5 * minute, "5 minutes"],
  [15 * minute, "15 minutes"],
  [30 * minute, "30 minutes"],
  [hour, "1 hour"],
  [2 * hour, "2 hours"],
  [6 * hour, "6 hours"],
  [12 * hour, "12 hours"],
  [day, "1 day"],
  [7 * day, "7 days"],
  [30 * day, "1 month"],
];

export type Span = { from: Date; to: Date };

export function isPreset(text: string): text is Preset {
  return (presets as readonly string[]).includes(text);
}

/** A range that can be asked for; the usual one where the text is none. */
export function parseRange(text: string | null): string {
  if (text === null) return usualRange;
  return isPreset(text) || parseCustom(text) ? text : usualRange;
}

export function spanOf(range: string, now = Date.now()): Span {
  const custom = parseCustom(range);
  if (custom) return custom;
  const length = lengths[isPreset(range) ? range : usualRange];
  return { from: new Date(now - length), to: new Date(now) };
}

export function customRange({ from, to }: Span): string {
  return `${short(from)}..${short(to)}`;
}

/** The shortest bucket that makes at most so many of a range. */
export function bucketOf(range: string, most: number): string {
  const { from, to } = spanOf(range);
  const length = to.getTime() - from.getTime();
  const fits = buckets.find(([bucket]) => length / bucket <= most);
  return (fits ?? buckets.at(-1))?.[1] ?? "1 day";
}

export function bucketLength(name: string): number {
  return buckets.find(([, is]) => is === name)?.[0] ?? day;
}

function parseCustom(text: string): Span | undefined {
  const [from, to] = text.split("..").map((part) => new Date(part));
  if (!from || !to || !(from.getTime() < to.getTime())) return undefined;
  return { from, to };
}

function short(date: Date): string {
  return date.toISOString().replace(/:\d\d\.\d+Z$/, "Z");
}
