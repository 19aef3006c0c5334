// Anything as JSON of a bounded size: whatever it holds, and however it is made.

interface Bounds {
  depth: number;
  /** Characters of a text. */
  length: number;
  /** Entries of an object or an array. */
  items: number;
  /** Values in all. */
  values: number;
}

const attempts: Bounds[] = [
  { depth: 8, length: 8_192, items: 200, values: 5_000 },
  { depth: 4, length: 512, items: 50, values: 1_000 },
  { depth: 2, length: 100, items: 20, values: 100 },
];

/** A copy that is JSON, and has no more than so many characters as such. */
export function boundedObject(value: object, maxLength = 60_000): Record<string, unknown> {
  for (const bounds of attempts) {
    const copy = copyOf(value, { ...bounds }, []);
    if (JSON.stringify(copy).length <= maxLength) return copy as Record<string, unknown>;
  }
  return { cut: "[cut: too large]" };
}

export function cut(text: string, max: number): string {
  return text.length <= max ? text : `${text.slice(0, max)} [cut]`;
}

function copyOf(value: unknown, bounds: Bounds, above: object[]): unknown {
  bounds.values -= 1;
  if (bounds.values < 0) return "[cut]";
  switch (typeof value) {
    case "string":
      return cut(value, bounds.length);
    case "number":
      return Number.isFinite(value) ? value : String(value);
    case "boolean":
      return value;
    case "undefined":
      return undefined;
    case "bigint":
    case "symbol":
      return cut(String(value), bounds.length);
    case "function":
      return "[function]";
  }
  if (typeof value !== "object" || value === null) return null;
  if (above.includes(value)) return "[circular]";
  if (above.length >= bounds.depth) return "[cut: too deep]";
  const within = [...above, value];
  if (value instanceof Date) {
    return Number.isNaN(value.getTime()) ? "Invalid Date" : value.toISOString();
  }
  if (value instanceof Error) return cut(`${value.name}: ${value.message}`, bounds.length);
  if (value instanceof URL) return cut(value.href, bounds.length);
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  if (value instanceof Set) return listOf([...value], bounds, within);
  if (value instanceof Map) {
    const entries = [...value].map(([key, one]) => [String(key), one] as const);
    return entriesOf(entries, bounds, within);
  }
  if (Array.isArray(value)) return listOf(value, bounds, within);
  const keys = Object.keys(value);
  const first = keys.slice(0, bounds.items).map((key) => [key, valueOf(value, key)] as const);
  return entriesOf(first, bounds, within, keys.length);
}

function listOf(list: readonly unknown[], bounds: Bounds, above: object[]): unknown[] {
  const kept = list.slice(0, bounds.items).map((one) => copyOf(one, bounds, above) ?? null);
  const more = list.length - kept.length;
  return more > 0 ? [...kept, `[cut: ${more} more]`] : kept;
}

function entriesOf(
  entries: (readonly [string, unknown])[],
  bounds: Bounds,
  above: object[],
  count = entries.length,
): Record<string, unknown> {
  const kept = entries
    .slice(0, bounds.items)
    .map(([key, one]) => [cut(key, 200), copyOf(one, bounds, above)] as const);
  const more = count - kept.length;
  return Object.fromEntries(more > 0 ? [...kept, ["cut", `[cut: ${more} more]`]] : kept);
}

/** A getter may throw. */
function valueOf(value: object, key: string): unknown {
  try {
    return (value as Record<string, unknown>)[key];
  } catch {
    return "[cannot be read]";
  }
}
