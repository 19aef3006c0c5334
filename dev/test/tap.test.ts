// The pgTAP runner cannot be fooled: a failing assertion, a wrong plan and an error all fail.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { superuser } from "../postgres.ts";
import { startTestDatabase } from "./database.ts";
import {
  leavesNothing,
  readSequences,
  resetSequences,
  runPgtapFile,
  type TapResult,
} from "./tap.ts";

const server = await startTestDatabase({ migrations: [], extensions: ["pgtap"] });
const db = await server.clone();
const directory = mkdtempSync(join(tmpdir(), "tocsin-tap-"));
after(async () => {
  await server.stop();
  rmSync(directory, { recursive: true });
});

function run(body: string): Promise<TapResult> {
  const file = join(directory, "a.test.sql");
  writeFileSync(file, `begin;\n${body}\nselect * from finish();\nrollback;\n`);
  return runPgtapFile(db.url(), file);
}

test("a file whose assertions all hold passes", async () => {
  const { assertions, problems } = await run("select plan(2); select ok(true, 'a'), pass('b');");
  assert.deepEqual(problems, []);
  assert.equal(assertions.length, 2);
});

test("a failing assertion is told with its diagnostics", async () => {
  const { problems } = await run("select plan(1); select is(1, 2, 'one is two');");
  assert.match(problems[0] ?? "", /not ok 1 - one is two[^]*have: 1[^]*want: 2/);
});

test("a plan that is not kept fails", async () => {
  const { problems } = await run("select plan(2); select pass('only one');");
  assert.deepEqual(problems, ["The plan says 2 assertions, 1 were made."]);
});

test("a file without a plan fails", async () => {
  const file = join(directory, "b.test.sql");
  writeFileSync(file, "select 1;");
  assert.match((await runPgtapFile(db.url(), file)).problems[0] ?? "", /There is no plan/);
});

test("an error fails, with its line, and what was said before it is kept", async () => {
  const { assertions, problems } = await run(
    "select plan(2);\nselect pass('before');\nselect nonsense();",
  );
  assert.equal(assertions.length, 1);
  assert.match(problems[0] ?? "", /42883[^]*line 4: select nonsense\(\);/);
});

test("an expected failure does not fail the file", async () => {
  const { problems } = await run("select plan(1); select todo('later', 1); select ok(false, 'x');");
  assert.deepEqual(problems, []);
});

test("sequences, which no rollback brings back, can be set back", async () => {
  await db.sql(
    "create sequence public.numbers; create sequence public.more; select nextval('more')",
  );
  const before = await readSequences(db.url(superuser));
  await db.sql("select nextval('public.numbers'), nextval('public.more')");
  await resetSequences(db.url(superuser), before);
  const rows = await db.sql("select nextval('public.numbers') as a, nextval('public.more') as b");
  assert.deepEqual(rows, [{ a: "1", b: "2" }]);
});

test("a file that does not roll back, or commits, is known to leave something", () => {
  const is = (text: string): boolean => {
    const file = join(directory, "c.test.sql");
    writeFileSync(file, text);
    return leavesNothing(file);
  };
  assert.equal(is("begin;\nselect 1;\nrollback;\n"), true);
  assert.equal(is("begin;\nselect 1;\n"), false);
  assert.equal(is("select 1;\nrollback;\n"), false);
  assert.equal(is("begin;\ncommit;\nbegin;\nrollback;\n"), false);
});
