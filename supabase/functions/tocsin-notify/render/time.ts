/** Times as people read them, always UTC and always saying so. */
const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

export function parseTime(text: string | null | undefined): Date | undefined {
  const date = new Date(text ?? "");
  return Number.isNaN(date.getTime()) ? undefined : date;
}

/** `21 Nov 2026` */
export function day(date: Date): string {
  return `${date.getUTCDate()} ${months[date.getUTCMonth()]} ${date.getUTCFullYear()}`;
}

/** `09:02:11` */
export function clock(date: Date): string {
  return date.toISOString().slice(11, 19);
}

/** `21 Nov 2026, 09:02:11 UTC` */
export function dayAndClock(date: Date): string {
  return `${day(date)}, ${clock(date)} UTC`;
}

/** `09:02:11 to 09:07:10 UTC on 21 Nov 2026`, with both days when they differ. */
export function span(from: Date, to: Date): string {
  return day(from) === day(to)
    ? `${clock(from)} to ${clock(to)} UTC on ${day(from)}`
    : `${dayAndClock(from)} to ${dayAndClock(to)}`;
}

/** `5 minutes`, `1 hour`, `90 seconds` */
export function duration(seconds: number): string {
  const units: [number, string][] = [
    [86_400, "day"],
    [3_600, "hour"],
    [60, "minute"],
  ];
  for (const [size, name] of units) {
    if (seconds >= size && seconds % size === 0) return plural(seconds / size, name);
  }
  return plural(seconds, "second");
}

export function plural(count: number, noun: string): string {
  return `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;
}

/** `34 %`, `1.25 s`; just the number where there is no unit. */
export function quantity(value: number | null | undefined, unit: string | null): string {
  if (value == null) return "";
  const number = value.toLocaleString("en", { maximumFractionDigits: 2 });
  return unit === null || unit === "" ? number : `${number} ${unit}`;
}

/** How long from one time to another, in its largest whole unit: `25 minutes`. */
export function lasted(from: Date, to: Date): string {
  const seconds = Math.max(0, Math.round((to.getTime() - from.getTime()) / 1000));
  const units: [number, string][] = [
    [86_400, "day"],
    [3_600, "hour"],
    [60, "minute"],
  ];
  for (const [size, name] of units) {
    if (seconds >= 2 * size || seconds === size) return plural(Math.round(seconds / size), name);
  }
  return seconds >= 60 ? duration(Math.round(seconds / 60) * 60) : plural(seconds, "second");
}
