// What a command is about to change, worked out before anything is: shown by --dry-run, or done
// as a whole. A write that fails takes back those before it.

import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { CliError, messageOf } from "./errors.ts";
import { diffLines } from "./diff.ts";

export type Change = {
  /** From supabase/, with forward slashes. */
  path: string;
  /** What is there now; undefined: nothing. */
  before: string | undefined;
  /** What is to be there; undefined: nothing. */
  after: string | undefined;
};

/** A file of supabase/, or undefined when it is not there. */
export function readIfThere(folder: string, path: string): string | undefined {
  const file = join(folder, path);
  return existsSync(file) ? readFileSync(file, "utf8") : undefined;
}

/** The change that puts `after` at the path; undefined when that is there already. */
export function changeTo(
  folder: string,
  path: string,
  after: string | undefined,
): Change | undefined {
  const before = readIfThere(folder, path);
  return before === after ? undefined : { path, before, after };
}

/** Makes all changes, or none: when one fails, those before it are taken back. */
export function applyChanges(folder: string, changes: Change[]): void {
  const done: Change[] = [];
  try {
    for (const change of changes) {
      done.push(change);
      put(folder, change.path, change.after);
    }
  } catch (error) {
    for (const { path, before } of done.reverse()) {
      try {
        put(folder, path, before);
      } catch {
        // as much as can be: the message below names the first file that could not be written
      }
    }
    throw new CliError(
      `A file could not be written: ${messageOf(error)}`,
      "What was written before it has been taken back. See to the folder's rights and space.",
    );
  }
}

function put(folder: string, path: string, text: string | undefined): void {
  const file = join(folder, path);
  if (text === undefined) {
    rmSync(file, { force: true });
    removeEmptyFolders(folder, dirname(path));
    return;
  }
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
}

/** Folders that a removed file leaves empty go as well. */
function removeEmptyFolders(folder: string, path: string): void {
  if (path === ".") return;
  const full = join(folder, path);
  if (!existsSync(full) || readdirSync(full).length > 0) return;
  rmdirSync(full);
  removeEmptyFolders(folder, dirname(path));
}

/** The changes as people read them: new and removed files in a line each, changed ones as a diff. */
export function describeChanges(changes: Change[]): string {
  return changes
    .map(({ path, before, after }) => {
      const file = `supabase/${path}`;
      if (before === undefined) return `new      ${file} (${lines(after)} lines)`;
      if (after === undefined) return `removed  ${file}`;
      return `changed  ${file}\n${diffLines(before, after).replace(/^/gm, "    ")}`;
    })
    .join("\n");
}

function lines(text = ""): number {
  return text.split("\n").length - (text.endsWith("\n") ? 1 : 0);
}
