/**
 * Reads a query string by a schema. Whatever is wrong with it is told at once, a line for each
 * parameter: those that are not known or come twice, too.
 */
import type { z } from "zod";
import type { Issue } from "../_shared/http.ts";
import { invalidQuery } from "./errors.ts";

export function parseQuery<T extends z.ZodObject>(url: URL, schema: T): z.infer<T> {
  const known = Object.keys(schema.shape);
  const given = new Map<string, string[]>();
  for (const [name, value] of url.searchParams) {
    given.set(name, [...(given.get(name) ?? []), value]);
  }

  const issues: Issue[] = [];
  const values: Record<string, string> = {};
  for (const [name, [first = "", ...more]] of given) {
    if (!known.includes(name)) {
      issues.push({
        path: name,
        message: `There is no such parameter, only: ${known.join(", ")}.`,
      });
    } else if (more.length > 0) {
      issues.push({ path: name, message: "Give it once." });
    } else {
      values[name] = first;
    }
  }
  const parsed = schema.safeParse(values);
  for (const { path, message } of parsed.error?.issues ?? []) {
    issues.push({ path: path.map(String).join("."), message });
  }
  if (!parsed.success || issues.length > 0) throw invalidQuery(issues);
  return parsed.data;
}
