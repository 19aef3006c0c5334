// Values of measures with the units that tocsin.alert_kinds gives them.

import { count, duration } from "./format.ts";

const decimal = new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 });
const small = new Intl.NumberFormat(undefined, { maximumSignificantDigits: 2 });

export function plain(value: number): string {
  if (value === 0) return "0";
  if (Math.abs(value) >= 10_000) return count(value);
  return Math.abs(value) < 1 ? small.format(value) : decimal.format(value);
}

/** "5.3 %", "1 min 30 s", "12 failures", "2.4 times". */
export function withUnit(value: number | null | undefined, unit: string | null): string {
  if (value == null) return "–";
  if (unit === "ms") return duration(value);
  if (unit === "s" || unit === "seconds") return duration(value * 1_000);
  if (unit === null || unit === "") return plain(value);
  if (unit === "points") return `${plain(value)} pp`;
  if (value === 1 && unit.endsWith("s")) return `1 ${unit.slice(0, -1)}`;
  return `${plain(value)} ${unit}`;
}
