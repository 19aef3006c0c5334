/** The second redaction of everything that leaves: each text of a value, however deep. */
import { redact } from "../../_shared/redact.ts";

const deepest = 64;

export function redactDeep<T>(value: T, secrets: readonly string[]): T {
  return walk(value, secrets, 0) as T;
}

function walk(value: unknown, secrets: readonly string[], depth: number): unknown {
  if (typeof value === "string") return redact(value, secrets);
  if (typeof value !== "object" || value === null) return value;
  if (depth >= deepest) return "[cut: too deep]";
  if (Array.isArray(value)) return value.map((entry) => walk(entry, secrets, depth + 1));
  return Object.fromEntries(
    Object.entries(value).map(([key, entry]) => [
      redact(key, secrets),
      walk(entry, secrets, depth + 1),
    ]),
  );
}
