// What the help and the docs say there is, there is; and the other way round.

import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { commands, helpOf } from "../src/help.ts";
import { known } from "../src/main.ts";

const repository = join(import.meta.dirname, "../..");
const optionsIn = (text: string): string[] =>
  [
    ...new Set([...text.matchAll(/(?<![\w-])--([a-z][a-z-]+)/g)].map(([, name = ""]) => name)),
  ].sort();

test("the help of each command names its options and no others", () => {
  assert.deepEqual(Object.keys(known).sort(), [...commands].sort());
  for (const [command, options] of Object.entries(known)) {
    const named = optionsIn(helpOf(command)).filter((name) => name !== "remote");
    assert.deepEqual(named, [...options].sort(), command);
  }
});

test("each npx tocsin in the docs is a command with options that it has", () => {
  const pages = globSync(["README.md", "docs/**/*.md", "cli/README.md"], { cwd: repository });
  let count = 0;
  for (const page of pages) {
    const text = readFileSync(join(repository, page), "utf8");
    for (const [line, command = ""] of text.matchAll(/npx tocsin (\w+)[^`\n]*/g)) {
      count += 1;
      assert.ok(known[command], `${page}: ${line}`);
      for (const option of optionsIn(line)) {
        assert.ok(known[command].includes(option), `${page}: ${line} has no --${option}`);
      }
    }
  }
  assert.ok(count > 20, `there are ${count}`);
});
