// Figures and times as people read them, each with its unit.

const locale = typeof navigator === "undefined" ? "en" : navigator.language;
const whole = new Intl.NumberFormat(locale, { maximumFractionDigits: 0 });
const compact = new Intl.NumberFormat(locale, { notation: "compact", maximumFractionDigits: 1 });

export const timeZone = Intl.DateTimeFormat().resolvedOptions().timeZone;

export function count(value: number): string {
  return Math.abs(value) < 10_000 ? whole.format(value) : compact.format(value);
}

/** "1 run", "12 runs". */
export function counted(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`;
}

/** A rate from 0 to 1. 99.96 % is not 100 %: what is not all is never rounded to all. */
export function percent(rate: number | null | undefined): string {
  if (rate == null) return "–";
  const value = rate * 100;
  if (value === 0 || value === 100) return `${value} %`;
  const digits = value > 99 || value < 1 ? 2 : 1;
  const bound = 100 - 10 ** -digits;
  const shown = value > bound ? bound : Math.max(value, 10 ** -digits);
  return `${shown.toFixed(digits)} %`;
}

/** A change of a rate, in percentage points. */
export function points(change: number): string {
  const value = Math.abs(change * 100);
  return `${value < 0.1 ? "< 0.1" : value.toFixed(1)} pp`;
}

export function duration(ms: number | null | undefined): string {
  if (ms == null) return "–";
  if (ms < 1) return ms === 0 ? "0 s" : "< 1 ms";
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(ms < 10_000 ? 1 : 0)} s`;
  return span(ms);
}

/** A span of time in its two largest units: "3 min", "2 h 5 min", "4 d 1 h". */
export function span(ms: number): string {
  const minutes = Math.floor(ms / 60_000);
  if (ms < 60_000) return `${Math.max(0, Math.floor(ms / 1_000))} s`;
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return join(hours, "h", minutes % 60, "min");
  const days = Math.floor(hours / 24);
  return days < 60 ? join(days, "d", hours % 24, "h") : `${Math.floor(days / 30.44)} mo`;
}

/** A span of time in its largest unit. */
function largest(ms: number): string {
  return span(ms).split(" ").slice(0, 2).join(" ");
}

function join(large: number, unit: string, small: number, smaller: string): string {
  return small === 0 ? `${large} ${unit}` : `${large} ${unit} ${small} ${smaller}`;
}

export function ago(date: Date, now: number): string {
  const past = now - date.getTime();
  if (past < -1_500) return `in ${span(-past)}`;
  return past < 1_500 ? "just now" : `${largest(past)} ago`;
}

const exactFormat = new Intl.DateTimeFormat(locale, {
  dateStyle: "medium",
  timeStyle: "long",
});

export function exact(date: Date): string {
  return exactFormat.format(date);
}

const clockFormat = new Intl.DateTimeFormat(locale, { hour: "2-digit", minute: "2-digit" });
const dayFormat = new Intl.DateTimeFormat(locale, { day: "numeric", month: "short" });
const yearFormat = new Intl.DateTimeFormat(locale, {
  day: "numeric",
  month: "short",
  year: "numeric",
});

/** The time of a bucket, as finely as its length makes sense of. */
export function tick(date: Date, bucketMs: number): string {
  if (bucketMs >= 86_400_000) return yearFormat.format(date);
  return `${dayFormat.format(date)}, ${clockFormat.format(date)}`;
}

export function clock(date: Date): string {
  return clockFormat.format(date);
}

export function dayOf(date: Date): string {
  return dayFormat.format(date);
}

export function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** The first characters of a long identifier. */
export function shortId(id: string): string {
  return /^[0-9a-f]{8}-[0-9a-f]{4}-/.test(id) ? id.slice(0, 8) : id;
}
