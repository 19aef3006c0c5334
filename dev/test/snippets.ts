// The code in the docs, to be run as it stands there. A block that is a whole file begins with its
// name as a comment: // src/hooks.server.ts

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { repository } from "../paths.ts";

/** The files that a page of the docs shows, by name; those without one as `snippet-2.ts`. */
export function filesShownIn(page: string): Map<string, string> {
  const text = readFileSync(join(repository, page), "utf8");
  const files = new Map<string, string>();
  for (const [, code = ""] of text.matchAll(/^```(?:js|ts)\n([\s\S]*?)^```$/gm)) {
    const name = /^\/\/ (\S+\.m?[jt]s)\n/.exec(code)?.[1];
    files.set(name ?? `snippet-${files.size}.ts`, code);
  }
  return files;
}
