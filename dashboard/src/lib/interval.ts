// Spans of time as Postgres writes them ("00:05:00", "1 day 02:00:00", "15 minutes"), as people set
// them (a number and a unit) and as they read them.

export const units = [
  { name: "seconds", length: 1 },
  { name: "minutes", length: 60 },
  { name: "hours", length: 3_600 },
  { name: "days", length: 86_400 },
] as const;
export type Unit = (typeof units)[number]["name"];

const lengths: [start: string, seconds: number][] = [
  ["sec", 1],
  ["min", 60],
  ["hour", 3_600],
  ["day", 86_400],
  ["week", 604_800],
  ["mon", 2_629_800],
  ["year", 31_557_600],
];

/** In seconds; undefined where the text is no span of time. */
export function parseInterval(text: string | null): number | undefined {
  if (text === null || text.trim() === "") return undefined;
  let seconds = 0;
  const clock = /(-?)(\d+):(\d+):(\d+(?:\.\d+)?)/.exec(text);
  if (clock) {
    const [, sign, hours, minutes, rest] = clock;
    const value = Number(hours) * 3_600 + Number(minutes) * 60 + Number(rest);
    seconds += sign ? -value : value;
  }
  const words = text.replace(/-?\d+:\d+:[\d.]+/, "").trim();
  for (const [, amount, unit] of words.matchAll(/(-?[\d.]+)\s*([a-z]+)/gi)) {
    const length = lengths.find(([start]) => unit?.toLowerCase().startsWith(start))?.[1];
    if (length === undefined) return undefined;
    seconds += Number(amount) * length;
  }
  if (!clock && !/[a-z]/i.test(words)) return words === "0" ? 0 : undefined;
  return seconds;
}

/** The largest unit that divides it: 5400 is 90 minutes. */
export function splitInterval(seconds: number): { amount: number; unit: Unit } {
  const unit = [...units].reverse().find(({ length }) => seconds % length === 0 && seconds > 0);
  return unit
    ? { amount: seconds / unit.length, unit: unit.name }
    : { amount: seconds, unit: seconds === 0 ? "minutes" : "seconds" };
}

export function joinInterval(amount: number, unit: Unit): string {
  return `${amount} ${unit}`;
}

/** "15 minutes", "1 hour", "1 day 2 hours". */
export function sayInterval(text: string | null): string {
  const seconds = parseInterval(text);
  if (seconds === undefined) return text ?? "–";
  if (seconds === 0) return "0";
  const parts: string[] = [];
  let rest = seconds;
  for (const { name, length } of [...units].reverse()) {
    const amount = Math.floor(rest / length);
    rest -= amount * length;
    if (amount > 0) parts.push(`${amount} ${amount === 1 ? name.slice(0, -1) : name}`);
  }
  return parts.slice(0, 2).join(" ");
}
