// The reference of the SQL is made from the catalogue: its pages say what the migrations say.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { referenceDir, renderReference } from "../dev/reference.ts";
import { startTestDatabase } from "../dev/test/database.ts";

const server = await startTestDatabase();
after(() => server.stop());

test("every table, column, view, function and type of tocsin is described as it is", async () => {
  const db = await server.clone();
  for (const [file, text] of await renderReference(db.sql)) {
    const page = readFileSync(join(referenceDir, file), "utf8");
    assert.equal(page, text, `docs/reference/sql/${file} is behind: npm run reference`);
  }
  await db.drop();
});
