// Edits supabase/config.toml as text, so that everything else stays as it was written, comments
// too. What comes out is parsed and has to say what the old text said and the change: whatever
// cannot be edited so is left alone, with a word on what to do by hand.

import { isDeepStrictEqual } from "node:util";
import { CliError } from "./errors.ts";
import { at, parseConfig, type Config } from "./project.ts";
import { lineEnd, readElements, readEntries, type Entry } from "./toml.ts";

const schema = "tocsin";
export const functionNames = ["tocsin-notify", "tocsin-api"];
const usualSchemas = ["public", "graphql_public"];

const byHand = `Write it yourself, and run this again:

    [api]
    schemas = ["public", "graphql_public", "tocsin"]   # yours, and tocsin

    [functions.tocsin-notify]
    verify_jwt = false

    [functions.tocsin-api]
    verify_jwt = false`;

/** The text with the schema exposed and the functions' entries; the same text if it has them. */
export function withTocsin(text: string): string {
  const before = parseConfig(text);
  const expected = structuredClone(before);
  let edited = text;

  const schemas = at(before, "api", "schemas");
  if (schemas !== undefined && !isListOfTexts(schemas)) refuse("[api].schemas is no list of names");
  if (schemas === undefined || !schemas.includes(schema)) {
    table(expected, "api")["schemas"] = [...(schemas ?? usualSchemas), schema];
    edited = expose(edited);
  }
  for (const name of functionNames) {
    const verify = at(before, "functions", name, "verify_jwt");
    if (verify === true) {
      throw new CliError(
        `supabase/config.toml says verify_jwt = true for ${name}.`,
        "It has to be false: the database, scrapers and uptime checks have tokens of Tocsin's own " +
          "or none, and the function checks them. Change it, and run this again.",
      );
    }
    if (verify === false) continue;
    table(table(expected, "functions"), name)["verify_jwt"] = false;
    edited = letIn(edited, name);
  }
  return verified(edited, expected);
}

/** The text without the schema and without the functions' entries. */
export function withoutTocsin(text: string): string {
  const before = parseConfig(text);
  const expected = structuredClone(before);
  let edited = text;
  const schemas = at(before, "api", "schemas");
  if (isListOfTexts(schemas) && schemas.includes(schema)) {
    table(expected, "api")["schemas"] = schemas.filter((name) => name !== schema);
    edited = hide(edited);
  }
  const functions = at(before, "functions");
  for (const name of functionNames) {
    if (at(functions, name) === undefined) continue;
    const rest = table(expected, "functions");
    Reflect.deleteProperty(rest, name);
    if (Object.keys(rest).length === 0) Reflect.deleteProperty(expected, "functions");
    edited = removeTable(edited, ["functions", name]);
  }
  return verified(edited, expected);
}

/** Branches and projects with schemas of their own, which do not name Tocsin's. */
export function remotesWithoutSchema(config: Config): string[] {
  const remotes = at(config, "remotes");
  if (typeof remotes !== "object" || remotes === null) return [];
  return Object.entries(remotes)
    .filter(([, remote]) => {
      const schemas = at(remote, "api", "schemas");
      return isListOfTexts(schemas) && !schemas.includes(schema);
    })
    .map(([name]) => name);
}

function verified(edited: string, expected: Config): string {
  let after: Config | undefined;
  try {
    after = parseConfig(edited);
  } catch {
    after = undefined;
  }
  if (!isDeepStrictEqual(plain(after), plain(expected))) {
    refuse("it is written in a way this cannot edit safely");
  }
  return edited;
}

/** Times as texts, and objects of one kind, to be compared. */
function plain(config: Config | undefined): unknown {
  return JSON.parse(JSON.stringify(config ?? null));
}

function refuse(reason: string): never {
  throw new CliError(`supabase/config.toml was left as it is: ${reason}.`, byHand);
}

function expose(text: string): string {
  const entries = readEntries(text);
  const value = find(entries, "value", ["api", "schemas"]);
  const newline = text.includes("\r\n") ? "\r\n" : "\n";
  if (value === undefined) {
    const line = `schemas = ${JSON.stringify([...usualSchemas, schema]).replaceAll(",", ", ")}`;
    const header = find(entries, "table", ["api"]);
    if (header === undefined) return append(text, `[api]${newline}${line}`, newline);
    const end = lineEnd(text, header.end);
    return text.slice(0, end) + newline + line + text.slice(end);
  }
  const elements = readElements(text, value.valueStart);
  const last = elements[elements.length - 1];
  if (last === undefined) {
    return `${text.slice(0, value.valueStart + 1)}"${schema}"${text.slice(value.valueStart + 1)}`;
  }
  const quote = text[last.start] === "'" ? "'" : '"';
  const lineStart = text.lastIndexOf("\n", last.start) + 1;
  const isOnItsOwnLine = lineStart > value.start;
  const indent = /^[ \t]*/.exec(text.slice(lineStart))?.[0] ?? "";
  const between = isOnItsOwnLine ? newline + indent : " ";
  return `${text.slice(0, last.end)},${between}${quote}${schema}${quote}${text.slice(last.end)}`;
}

function hide(text: string): string {
  const value = find(readEntries(text), "value", ["api", "schemas"]);
  if (value === undefined) return text;
  const elements = readElements(text, value.valueStart);
  const index = elements.findIndex(({ start, end }) =>
    /^["']tocsin["']$/.test(text.slice(start, end)),
  );
  const ours = elements[index];
  if (ours === undefined) return text;
  // with the comma before it, or, of the first, the one behind it
  const before = elements[index - 1];
  const behind = elements[index + 1];
  if (before !== undefined) return text.slice(0, before.end) + text.slice(ours.end);
  return text.slice(0, ours.start) + text.slice(behind?.start ?? ours.end);
}

function letIn(text: string, name: string): string {
  const newline = text.includes("\r\n") ? "\r\n" : "\n";
  const header = find(readEntries(text), "table", ["functions", name]);
  if (header === undefined) {
    return append(text, `[functions.${name}]${newline}verify_jwt = false`, newline);
  }
  const end = lineEnd(text, header.end);
  return `${text.slice(0, end)}${newline}verify_jwt = false${text.slice(end)}`;
}

function removeTable(text: string, path: string[]): string {
  const entries = readEntries(text);
  const index = entries.findIndex((entry) => entry.kind === "table" && isPath(entry.path, path));
  const header = entries[index];
  if (header === undefined) return text;
  let last = header;
  for (const entry of entries.slice(index + 1)) {
    if (entry.kind === "table") break;
    last = entry;
  }
  // with the empty line before it, which it was written with
  const end = lineEnd(text, last.end);
  const start = text.slice(0, header.start).replace(/(\r?\n)(?:[ \t]*\r?\n)?$/, "").length;
  return text.slice(0, start) + text.slice(end);
}

function append(text: string, lines: string, newline: string): string {
  const gap = text === "" || text.endsWith("\n") ? "" : newline;
  return `${text}${gap}${text === "" ? "" : newline}${lines}${newline}`;
}

function find(entries: Entry[], kind: Entry["kind"], path: string[]): Entry | undefined {
  return entries.find((entry) => entry.kind === kind && isPath(entry.path, path));
}

function isPath(one: string[], other: string[]): boolean {
  return isDeepStrictEqual(one, other);
}

function isListOfTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}

/** A table of the parsed text, made when it is not there. */
function table(parent: Config, name: string): Config {
  const found = parent[name];
  if (typeof found === "object" && found !== null && !Array.isArray(found)) return found as Config;
  const made: Config = {};
  parent[name] = made;
  return made;
}
