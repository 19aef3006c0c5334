// supabase/tocsin.json: what was installed, and how each file was when it was. It is committed with
// the project, and tells a file that the user changed from one that a new version changes.

import { createHash } from "node:crypto";
import { CliError } from "./errors.ts";
import { readIfThere } from "./plan.ts";

export const manifestPath = "tocsin.json";

export type Watch = { kind: string; name: string; statement: string; undo: string };

export type Manifest = {
  version: string;
  /** Path from supabase/ to the hash of what was written there. */
  files: Record<string, string>;
  /** The watches that the last migration of them has. */
  watches: Watch[];
};

export function readManifest(folder: string): Manifest | undefined {
  const text = readIfThere(folder, manifestPath);
  if (text === undefined) return undefined;
  try {
    const value = JSON.parse(text) as Partial<Manifest>;
    if (
      typeof value.version === "string" &&
      typeof value.files === "object" &&
      Object.keys(value.files).every(isInside)
    ) {
      return { version: value.version, files: value.files, watches: value.watches ?? [] };
    }
  } catch {
    // told below
  }
  throw new CliError(
    `supabase/${manifestPath} cannot be read.`,
    "Get it back from your version control; or delete it and run: npx tocsin install",
  );
}

/** A path from supabase/ that stays in it: what the manifest names may be removed. */
function isInside(path: string): boolean {
  return /^(migrations|functions)\//.test(path) && !/\\|(^|\/)\.\.(\/|$)/.test(path);
}

export function writeManifest(manifest: Manifest): string {
  const files = Object.fromEntries(
    Object.entries(manifest.files).sort(([a], [b]) => (a < b ? -1 : 1)),
  );
  return `${JSON.stringify({ ...manifest, files }, null, 2)}\n`;
}

/** Of the text, whatever ends its lines: a checkout may have changed that. */
export function hashOf(text: string): string {
  return createHash("sha256").update(text.replaceAll("\r\n", "\n")).digest("hex").slice(0, 24);
}
