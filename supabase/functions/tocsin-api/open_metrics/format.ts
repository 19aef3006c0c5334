/**
 * Families of metrics as text: OpenMetrics 1.0, or Prometheus's own format 0.0.4. A pure generator
 * of chunks, so that a hundred thousand series are never one string.
 *
 * The types are those of OpenMetrics. Where 0.0.4 has none of the kind, the names of the series stay
 * the same and their type is the nearest that is true, so that a scraper that changes its format
 * finds the series that it knows.
 */
import type { Format } from "./negotiate.ts";

export type Labels = readonly (readonly [name: string, value: string])[];

interface Described {
  name: string;
  help: string;
}

/** A value that goes up and down. */
export interface Gauge extends Described {
  type: "gauge";
  unit?: "seconds";
  points: Iterable<{ labels: Labels; value: number }>;
}

/** A fact in labels; its value is 1. */
export interface Info extends Described {
  type: "info";
  labels: Labels;
}

/** A distribution as it is now: its counts go up and, when something is taken back, down. */
export interface GaugeHistogram extends Described {
  type: "gaugehistogram";
  unit?: "seconds";
  /** The upper bounds of the buckets, rising, without the last one's infinity. */
  bounds: readonly number[];
  points: readonly HistogramPoint[];
}

export interface HistogramPoint {
  labels: Labels;
  /** Each bucket by itself, the one up to infinity last: one more than there are bounds. */
  counts: readonly number[];
  sum: number;
}

export type Family = Gauge | Info | GaugeHistogram;

/** About so many characters in a chunk. */
const chunkLength = 64 * 1_024;

export function* formatMetrics(families: Iterable<Family>, format: Format): Generator<string> {
  let chunk = "";
  for (const family of families) {
    for (const line of format === "openmetrics" ? openMetrics(family) : text(family)) {
      chunk += `${line}\n`;
      if (chunk.length < chunkLength) continue;
      yield chunk;
      chunk = "";
    }
  }
  yield format === "openmetrics" ? `${chunk}# EOF\n` : chunk;
}

function* openMetrics(family: Family): Generator<string> {
  yield `# TYPE ${family.name} ${family.type}`;
  if ("unit" in family) yield `# UNIT ${family.name} ${family.unit}`;
  yield `# HELP ${family.name} ${escape(family.help)}`;
  switch (family.type) {
    case "gauge":
      yield* gauges(family);
      break;
    case "info":
      yield `${series(`${family.name}_info`, family.labels)} 1`;
      break;
    case "gaugehistogram":
      for (const point of family.points) {
        yield* bucketsOf(family, point);
        yield countOf(family, point);
        yield sumOf(family, point);
      }
  }
}

function* text(family: Family): Generator<string> {
  const { name, help } = family;
  switch (family.type) {
    case "gauge":
      yield* described(name, help, "gauge");
      yield* gauges(family);
      break;
    case "info":
      yield* described(`${name}_info`, help, "gauge");
      yield `${series(`${name}_info`, family.labels)} 1`;
      break;
    case "gaugehistogram":
      // 0.0.4 has histograms that only grow, and this is none of them.
      yield* described(`${name}_bucket`, `${help} Those up to le.`, "untyped");
      for (const point of family.points) yield* bucketsOf(family, point);
      yield* described(`${name}_gcount`, `${help} How many.`, "untyped");
      for (const point of family.points) yield countOf(family, point);
      yield* described(`${name}_gsum`, `${help} Their sum.`, "untyped");
      for (const point of family.points) yield sumOf(family, point);
  }
}

function* described(name: string, help: string, type: string): Generator<string> {
  // 0.0.4 escapes no quotes here
  yield `# HELP ${name} ${help.replace(/\\/g, "\\\\").replace(/\n/g, "\\n")}`;
  yield `# TYPE ${name} ${type}`;
}

function* gauges({ name, points }: Gauge): Generator<string> {
  for (const { labels, value } of points) yield `${series(name, labels)} ${number(value)}`;
}

function* bucketsOf({ name, bounds }: GaugeHistogram, point: HistogramPoint): Generator<string> {
  const labels = point.labels.map(label).join("");
  let upTo = 0;
  for (const [index, count] of point.counts.entries()) {
    upTo += count;
    const bound = bounds[index];
    // The same spelling in both formats, for it is part of the series' name.
    const le = bound === undefined ? "+Inf" : Number.isInteger(bound) ? `${bound}.0` : `${bound}`;
    yield `${name}_bucket{${labels}le="${le}"} ${number(upTo)}`;
  }
}

function countOf({ name }: GaugeHistogram, { labels, counts }: HistogramPoint): string {
  return `${series(`${name}_gcount`, labels)} ${number(counts.reduce((all, one) => all + one, 0))}`;
}

function sumOf({ name }: GaugeHistogram, { labels, sum }: HistogramPoint): string {
  return `${series(`${name}_gsum`, labels)} ${number(sum)}`;
}

function series(name: string, labels: Labels): string {
  return labels.length === 0 ? name : `${name}{${labels.map(label).join("").slice(0, -1)}}`;
}

/** A label and the comma behind it. */
function label([name, value]: readonly [string, string]): string {
  return `${name}="${escape(value)}",`;
}

const escapes: Record<string, string> = { "\\": "\\\\", '"': '\\"', "\n": "\\n" };

function escape(value: string): string {
  return value.toWellFormed().replace(/[\\"\n]/g, (character) => escapes[character] ?? "");
}

function number(value: number): string {
  if (Number.isFinite(value)) return String(value);
  return Number.isNaN(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf";
}
