// A user's way from an empty project to the first alert, and out again, each command twice: with
// the packed command line, in a folder made by `supabase init`, on a database that has nothing of
// Tocsin's.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { after, before, test, type TestContext } from "node:test";
import { createClient } from "@supabase/supabase-js";
import { pushMigrations } from "../dev/cli.ts";
import { migrationFiles } from "../dev/database.ts";
import { readCatalogue } from "../dev/test/catalogue.ts";
import { startTestDatabase, type TestDatabase, type TestServer } from "../dev/test/database.ts";
import { makeProject, packCli, serveProject, type Project, type Ran } from "../dev/test/project.ts";

let server: TestServer;
let tarball: string;
before(async () => {
  [server, tarball] = await Promise.all([startTestDatabase({ migrations: [] }), packCli()]);
});
after(async () => {
  await server?.stop();
  if (tarball) await rm(dirname(tarball), { recursive: true, force: true });
});

const hostTable = `create table public.nightly (id int primary key, status text, what text,
  finished_at timestamptz, error text);\n`;

/** What is to be done when the test is over, whatever became of it: the last first. */
function lastFirst(t: TestContext): (work: () => Promise<void>) => void {
  const works: (() => Promise<void>)[] = [];
  t.after(async () => {
    for (const work of works.reverse()) await work();
  });
  return (work) => works.push(work);
}

function must(ran: Ran, code = 0): string {
  assert.equal(ran.code, code, ran.output);
  return ran.output;
}

/** The doctor's failing lines, by its --json. */
async function failing(project: Project, db: TestDatabase): Promise<string[]> {
  const ran = await project.tocsin("doctor", "--json", "--db-url", db.url());
  const findings = JSON.parse(ran.output) as { check_name: string; status: string; hint: string }[];
  const failed = findings.filter(({ status }) => status === "fail");
  assert.equal(ran.code, failed.length > 0 ? 2 : findings.some((f) => f.status === "warn") ? 1 : 0);
  return failed.map(({ check_name, hint }) => `${check_name} → ${hint}`);
}

const setUp = (project: Project, db: TestDatabase, url: string): Promise<Ran> =>
  project.tocsin(
    ...["setup", "--db-url", db.url(), "--url", url, "--operator", "ada@example.com"],
    ...["--watch", "public.nightly"],
  );

test("install, push, deploy and setup: then a failed run sends, and the operator sees it", async (t) => {
  const later = lastFirst(t);
  const project = await makeProject(tarball);
  later(() => project.remove());
  const db = await server.cloneEmpty();
  later(() => db.drop());
  project.write("supabase/migrations/20260101000000_nightly.sql", hostTable);
  await db.startWorkers();

  const tree = (): string[] =>
    readdirSync(join(project.root, "supabase"), { recursive: true }).map(String);
  const untouched = tree();
  assert.match(must(await project.tocsin("install", "--dry-run")), /\+verify_jwt = false/);
  assert.deepEqual(tree(), untouched, "--dry-run changes nothing");
  const next = must(await project.tocsin("install"));
  assert.match(
    next,
    /1\. supabase db push --remote && supabase config push\n {2}2\. .*\n {2}3\. npx/,
  );
  const config = readFileSync(join(project.root, "supabase/config.toml"), "utf8");
  assert.match(must(await project.tocsin("install")), /nothing had to be changed/);
  assert.equal(readFileSync(join(project.root, "supabase/config.toml"), "utf8"), config);

  assert.equal(await pushMigrations(db.url(), project.root), migrationFiles().length + 1);
  assert.equal(await pushMigrations(db.url(), project.root), 0);
  const served = await serveProject(project, db);
  later(served.stop);
  for (const time of ["first", "second"]) {
    const output = must(await setUp(project, db, served.functionsUrl), 1);
    assert.match(output, /^0 fail|\n0 fail, /, `${time} setup:\n${output}`);
    assert.equal(/Every failed run is told to ada/.test(output), time === "first");
  }
  assert.match(must(await project.tocsin("doctor", "--db-url", db.url()), 1), /^warn {2}operator/m);

  await db.sql(
    "insert into public.nightly values (7, 'failed', 'billing', now(), 'the disk is full')",
  );
  const email = await served.inbox.waitFor(({ text }) => text.includes("the disk is full"), 45_000);
  assert.deepEqual(email.to, ["ada@example.com"]);

  const client = createClient(served.apiUrl, served.keys.publishable, {
    auth: { persistSession: false, autoRefreshToken: false },
  });
  const ada = { email: "ada@example.com", password: "a-good-password" };
  assert.equal((await client.auth.signUp(ada)).error, null);
  assert.equal((await client.auth.signInWithPassword(ada)).error, null);
  let seen: unknown[] = [];
  for (let tries = 0; tries < 40 && seen.length === 0; tries++) {
    await new Promise((next) => setTimeout(next, 500)); // the heart makes them an operator
    const { data } = await client.schema("tocsin").from("error_metrics").select("message");
    seen = data ?? [];
  }
  assert.deepEqual(seen, [{ message: "the disk is full" }]);
  assert.deepEqual(await failing(project, db), []);

  must(await project.tocsin("install", "--db-url", db.url()));
  const watches = readdirSync(join(project.root, "supabase/migrations")).pop() ?? "";
  assert.match(watches, /_tocsin_watches\.sql$/);
  assert.equal(await pushMigrations(db.url(), project.root), 1, "which changes nothing here");
  const branch = await server.cloneEmpty();
  await pushMigrations(branch.url(), project.root);
  const watched = await branch.sql("select source_id, run_table::text from tocsin.run_sources");
  assert.deepEqual(watched, [{ source_id: "nightly", run_table: "nightly" }]);
  await branch.drop();
});

test("each step that is left out is one failing line of the doctor, with what mends it", async (t) => {
  const later = lastFirst(t);
  const project = await makeProject(tarball);
  later(() => project.remove());
  const db = await server.cloneEmpty();
  later(() => db.drop());
  project.write("supabase/migrations/20260101000000_nightly.sql", hostTable);
  await db.startWorkers();
  must(await project.tocsin("install"));
  assert.deepEqual(await failing(project, db), [
    "tocsin is installed → npx tocsin install, and then: supabase db push --remote",
  ]);
  must(await setUp(project, db, "http://127.0.0.1:1"), 3);

  await pushMigrations(db.url(), project.root);
  const [setup = "", ...others] = await failing(project, db);
  assert.match(setup, /^functions url → select tocsin\.setup\(/);
  assert.deepEqual(others, [], "setup() is left out");

  const typo = await project.tocsin("setup", "--db-url", db.url(), "--watch", "public.nightyl");
  assert.match(must(typo, 3), /no table public\.nightyl[\s\S]*Nothing was changed/);
  const undeployed = await serveProject(project, db, { functions: [] });
  later(undeployed.stop);
  must(await setUp(project, db, undeployed.functionsUrl), 2);
  assert.deepEqual(await failing(project, db), [
    "tocsin-notify answers → supabase functions deploy tocsin-notify",
  ]);

  const config = readFileSync(join(project.root, "supabase/config.toml"), "utf8");
  project.write("supabase/config.toml", config.replace(`, "tocsin"]`, "]"));
  const unexposed = await serveProject(project, db);
  later(unexposed.stop);
  must(await setUp(project, db, unexposed.functionsUrl), 2);
  const [exposed = "", ...rest] = await failing(project, db);
  assert.match(exposed, /^schema is exposed → Add tocsin .*supabase config push/);
  assert.deepEqual(rest, [], "the schema is not exposed");

  project.write("supabase/config.toml", config);
  const served = await serveProject(project, db, { secrets: { RESEND_API_KEY: "" } });
  later(served.stop);
  must(await setUp(project, db, served.functionsUrl), 1);
  assert.deepEqual(await failing(project, db), [], "every step is done");
  await db.sql("insert into public.nightly values (7, 'failed', 'billing', now(), 'disk full')");
  let missing: string[] = [];
  for (let tries = 0; tries < 40 && missing.length === 0; tries++) {
    await new Promise((next) => setTimeout(next, 500));
    missing = await failing(project, db);
  }
  assert.deepEqual(missing, ["function secrets → supabase secrets set RESEND_API_KEY=…"]);
});

test("what is installed and removed again leaves the database and the folder as they were", async (t) => {
  const later = lastFirst(t);
  const project = await makeProject(tarball);
  later(() => project.remove());
  const db = await server.cloneEmpty();
  later(() => db.drop());
  project.write("supabase/migrations/20260101000000_nightly.sql", hostTable);
  await pushMigrations(db.url(), project.root);
  // what Supabase has for Realtime, on whose table Tocsin puts a policy
  await db.sql(`create schema realtime;
    create table realtime.messages (topic text, extension text);
    create function realtime.topic() returns text language sql as $$ select 'x' $$`);
  const before = await readCatalogue(db.superuser);
  const config = readFileSync(join(project.root, "supabase/config.toml"), "utf8");

  for (const time of ["once", "twice"]) {
    must(await project.tocsin("install"));
    await pushMigrations(db.url(), project.root);
    // what only comes with use
    await db.sql(`
      select tocsin.setup('https://x.example/functions/v1', 'ada@example.com');
      select tocsin.watch_runs('public.nightly');
      insert into tocsin.alert_channels (name, kind, url) values ('hook', 'webhook', 'https://x.example');
      insert into public.nightly values (1, 'failed', 'billing', now(), 'no');
      select from tocsin_internal.tick()`);
    const installed = (await readCatalogue(db.superuser)).join("\n");
    for (const trace of [
      /^policy members listen to tocsin .* on realtime\.messages/m,
      /^trigger CREATE TRIGGER tocsin_capture_nightly /m,
      /^row of cron\.job .*tocsin-heart/m,
      /^row of vault\.secrets .*tocsin_channel_/m,
      /^row of pgmq\.meta .*tocsin_deliveries/m,
    ]) {
      assert.match(installed, trace);
    }
    must(await project.tocsin("uninstall"));
    await pushMigrations(db.url(), project.root);
    await db.sql("delete from public.nightly");
    assert.deepEqual(await readCatalogue(db.superuser), before, time);
    assert.equal(readFileSync(join(project.root, "supabase/config.toml"), "utf8"), config);
    assert.equal(readdirSync(join(project.root, "supabase")).includes("functions"), false);
  }
  must(await project.tocsin("uninstall"), 3);
});

test("what of the host's uses Tocsin is named, and nothing is removed", async (t) => {
  const later = lastFirst(t);
  const db = await server.cloneEmpty();
  later(() => db.drop());
  const project = await makeProject(tarball);
  later(() => project.remove());
  must(await project.tocsin("install"));
  await pushMigrations(db.url(), project.root);
  const statements = must(await project.tocsin("uninstall", "--print"));
  const refused = async (use: string, undo: string, name: RegExp): Promise<void> => {
    await db.sql(use);
    await assert.rejects(db.sql(statements), (error: Error & { code?: string }) => {
      assert.equal(error.code, "TC110");
      return name.test(error.message);
    });
    await db.sql(undo);
  };
  await refused(
    "create view public.totals as select * from tocsin.workflow_run_metrics",
    "drop view public.totals",
    /view totals/,
  );
  await refused(
    "create table public.t (id int, how_bad tocsin.severity)",
    "drop table public.t",
    /column how_bad of table t/,
  );
  await refused(
    `create function public.f() returns void language plpgsql as
     'begin perform tocsin.report_error(''x'', ''y''); end'`,
    "drop function public.f()",
    /function f\(\)/,
  );
  await refused(
    "select cron.schedule('mine', '* * * * *', 'select tocsin.version()')",
    "select cron.unschedule('mine')",
    /cron jobs: mine/,
  );
  await db.sql("select cron.schedule('other', '* * * * *', 'select 1')");
  await db.sql(statements);
  const [left] = await db.sql(`select to_regnamespace('tocsin') as schema,
    (select count(*)::int from pg_extension where extname = 'pg_cron') as cron,
    (select count(*)::int from pg_extension where extname in ('pgmq', 'pg_net')) as others`);
  assert.deepEqual(left, { schema: null, cron: 1, others: 0 }, "pg_cron is in use by now");
  await db.sql(statements);
});

test("a wrong address, a stopped server and a wrong word are told in a line with the next step", async (t) => {
  const later = lastFirst(t);
  const project = await makeProject(tarball);
  later(() => project.remove());
  const told = async (args: string[], pattern: RegExp): Promise<void> => {
    const output = must(await project.tocsin(...args), 3);
    assert.match(output, pattern);
    assert.equal(/\n\s+at /.test(output), false, "no stack");
  };
  await told(["doctor"], /No project is linked here[\s\S]*--db-url/);
  await told(["doctor", "--db-url", "localhost"], /no address of a database[\s\S]*postgresql:/);
  await told(
    ["doctor", "--db-url", "postgresql://u:p@127.0.0.1:1/x"],
    /does not answer: ECONNREFUSED/,
  );
  const [wrong] = [new URL((await server.cloneEmpty()).url())];
  wrong.password = "wrong";
  await told(["doctor", "--db-url", wrong.href], /28P01[\s\S]*password in --db-url/);
  await told(["doctor", "--local", "--linked"], /Give one of/);
  await told(["instal"], /no command "instal"[\s\S]*install, upgrade/);
  await told(["doctor", "--dry-run"], /has no --dry-run/);
  await told(["upgrade"], /not installed[\s\S]*npx tocsin install/);
  assert.match(must(await project.tocsin()), /npx tocsin install/);
  assert.match(must(await project.tocsin("doctor", "--help")), /Ends with 0/);
  assert.equal(must(await project.tocsin("--version")), "0.1.0\n");
});
