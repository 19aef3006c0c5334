// Runs supabase/tests/**/*.test.sql, plain pgTAP files, as tests of node:test: each file in a
// database of its own, as `postgres`, two at a time. Arguments choose files by a part of the path.

import assert from "node:assert/strict";
import { globSync } from "node:fs";
import { join, relative } from "node:path";
import { after, test } from "node:test";
import { repository } from "../paths.ts";
import { startTestDatabase } from "./database.ts";
import { runPgtapFile } from "./tap.ts";

const root = join(repository, "supabase/tests");
const filters = process.argv.slice(2);
const files = globSync("**/*.test.sql", { cwd: root })
  .map((file) => join(root, file))
  .filter((file) => filters.length === 0 || filters.some((part) => file.includes(part)))
  .sort();

const server = await startTestDatabase({ extensions: ["pgtap"] });
after(() => server.stop());

if (files.length === 0 && filters.length === 0) throw new Error(`There are no tests in ${root}.`);

await test("pgTAP", { concurrency: 2 }, async (t) => {
  const runs = files.map((file) =>
    t.test(relative(root, file), async (t) => {
      const db = await server.clone();
      try {
        const { assertions, problems } = await runPgtapFile(db.url(), file);
        t.diagnostic(`${assertions.length} assertions`);
        if (problems.length > 0) assert.fail(problems.join("\n\n"));
      } finally {
        await db.drop();
      }
    }),
  );
  await Promise.all(runs);
});
