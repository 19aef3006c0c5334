// Runs supabase/tests/**/*.test.sql, plain pgTAP files, as tests of node:test: as `postgres`, two at
// a time, each in a database as new. Arguments choose files by a part of the path:
//   node dev/test/pgtap.ts watch_runs/

import assert from "node:assert/strict";
import { globSync } from "node:fs";
import { join, relative } from "node:path";
import { after, test } from "node:test";
import { repository } from "../paths.ts";
import { superuser } from "../postgres.ts";
import { startTestDatabase, type TestDatabase } from "./database.ts";
import { leavesNothing, readSequences, resetSequences, runPgtapFile } from "./tap.ts";

const root = join(repository, "supabase/tests");
const filters = process.argv.slice(2);
const files = globSync("**/*.test.sql", { cwd: root })
  .map((file) => join(root, file))
  .filter((file) => filters.length === 0 || filters.some((part) => file.includes(part)))
  .sort();
if (files.length === 0 && filters.length === 0) throw new Error(`There are no tests in ${root}.`);

const server = await startTestDatabase({ extensions: ["pgtap"] });
after(() => server.stop());

// A clone takes ten times as long as most files. One that rolls back leaves a database as it was,
// but for its sequences, so it can be used again.
const free: TestDatabase[] = [];
const first = await server.clone();
const sequences = await readSequences(first.url(superuser));
free.push(first);

test("pgTAP", { concurrency: 2 }, async (t) => {
  const runs = files.map((file) =>
    t.test(relative(root, file), async () => {
      const db = free.pop() ?? (await server.clone());
      try {
        const { problems } = await runPgtapFile(db.url(), file);
        if (problems.length > 0) assert.fail(problems.join("\n\n"));
      } finally {
        if (leavesNothing(file)) {
          await resetSequences(db.url(superuser), sequences);
          free.push(db);
        } else {
          await db.drop();
        }
      }
    }),
  );
  await Promise.all(runs);
});
