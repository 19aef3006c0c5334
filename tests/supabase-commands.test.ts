// The commands of the Supabase CLI that README, docs, hints of the doctor and the command line name
// are commands that it has, with options that it has.

import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { runSupabase } from "../dev/cli.ts";
import { repository } from "../dev/paths.ts";

/** `supabase db push --remote` is the command "db push" with the option "remote". */
function readCommand(line: string): { command: string; options: string[] } {
  const words = line.split(/\s+/).slice(1);
  const end = words.findIndex((word) => !/^[a-z][a-z-]*$/.test(word));
  const named = end === -1 ? words : words.slice(0, end);
  const depth = ["db", "config", "functions", "secrets", "migration", "test", "ssl-enforcement"];
  return {
    command: named.slice(0, depth.includes(named[0] ?? "") ? 2 : 1).join(" "),
    options: words.flatMap((word) => /^--([a-z-]+)/.exec(word)?.[1] ?? []),
  };
}

test("each supabase command that is shown is one, with its options", async () => {
  const found = new Map<string, Set<string>>();
  const pages = globSync(["README.md", "cli/README.md", "docs/**/*.md"], { cwd: repository });
  const sources = globSync(["cli/src/*.ts", "supabase/migrations/*19*.sql"], { cwd: repository });
  const note = (line: string): void => {
    for (const part of line.split("&&")) {
      if (!part.trim().startsWith("supabase ")) continue;
      const { command, options } = readCommand(part.trim());
      const known = found.get(command) ?? new Set();
      for (const option of options) known.add(option);
      found.set(command, known);
    }
  };
  for (const page of pages) {
    const text = readFileSync(join(repository, page), "utf8");
    for (const [line] of text.matchAll(/^ *supabase .*$/gm)) note(line.trim());
    for (const [, line = ""] of text.matchAll(/`(supabase [^`]+)`/g)) note(line);
  }
  for (const source of sources) {
    const text = readFileSync(join(repository, source), "utf8");
    for (const [line] of text.matchAll(
      /supabase (?:db|functions|config|secrets|ssl-enforcement) [a-z][^'"`.;,]*/g,
    )) {
      note(line);
    }
  }
  assert.ok(found.size > 8, [...found.keys()].join(", "));
  for (const [command, options] of found) {
    const { code, output } = await runSupabase([...command.split(" "), "--help"]);
    assert.equal(code, 0, `supabase ${command}`);
    assert.match(output, new RegExp(`^ {2}supabase ${command}( |$)`, "m"), `supabase ${command}`);
    for (const option of options) {
      assert.ok(output.includes(`--${option}`), `supabase ${command} has no --${option}`);
    }
  }
});
