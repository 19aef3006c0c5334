// The whole stack starts with one call, its demo sends a first alert, and it can be started again.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chownSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { runFile, withClient } from "./database.ts";
import { makeKeys } from "./keys.ts";
import { repository, serverHome, serverUser } from "./paths.ts";
import { startPostgres, superuser } from "./postgres.ts";
import { startStack } from "./stack.ts";

const home = mkdtempSync(join(serverHome(), "test-"));
const user = serverUser();
if (user) chownSync(home, user.uid, user.gid);
const options = { dataDir: join(home, "data"), keys: makeKeys() };
after(() => rmSync(home, { recursive: true, force: true }));

const count = (url: string, table: string): Promise<number> =>
  withClient(url, async (client) => {
    const { rows } = await client.query<{ n: number }>(`select count(*)::int as n from ${table}`);
    return rows[0]?.n ?? 0;
  });

test("the demo's first failure arrives as an email and as a verified webhook", async () => {
  const stack = await startStack(options);
  try {
    await stack.inbox.waitFor(({ subject }) => subject.includes(" failed"), 30_000);
    const webhook = await stack.receiver.waitFor(() => true, 30_000);
    assert.deepEqual([webhook.hook, webhook.verified], ["demo", true]);
    const findings = await withClient(stack.databaseUrl, (client) =>
      client.query<{ check_name: string }>(
        "select check_name, detail from tocsin.doctor() where status = 'fail'",
      ),
    );
    assert.deepEqual(findings.rows, []);
  } finally {
    await stack.stop();
  }
});

test("started again it has its data and its user, and pushes and seeds nothing twice", async () => {
  const lines: string[] = [];
  const stack = await startStack({
    ...options,
    workload: false,
    progress: (line) => lines.push(line),
  });
  try {
    assert.ok((await count(stack.databaseUrl, "public.workflow_runs")) > 0);
    assert.equal(await count(stack.databaseUrl, "auth.users"), 1);
    assert.ok(lines.includes("The Supabase CLI has found no new migrations"));
    assert.deepEqual(stack.warnings, []);
    const direct = await fetch(`${stack.functionsUrl}/tocsin-notify`, { method: "POST" });
    assert.equal(direct.status, 401);
  } finally {
    await stack.stop();
  }
});

test("a database of one's own is told what it lacks, and used when it lacks nothing", async () => {
  const own = await startPostgres();
  try {
    await assert.rejects(startStack({ databaseUrl: own.url(superuser) }), (error: Error) => {
      assert.match(error.message, /The stack cannot run on the database postgres/);
      assert.match(error.message, /the role authenticated: create role authenticated;/);
      return true;
    });
    await runFile(own.url(superuser), join(repository, "dev/supabase/roles.sql"));
    await runFile(own.url(superuser), join(repository, "dev/supabase/schemas.sql"));
    await withClient(own.url(), (client) => client.query("create table public.projects (a int)"));
    const stack = await startStack({ databaseUrl: own.url() });
    assert.match(stack.warnings.join(), /the demo is left out/);
    assert.equal(await count(own.url(), "auth.users"), 1);
    await stack.stop();
  } finally {
    await own.stop();
  }
});

test("a command without a running stack says how to start it", () => {
  const env = { ...process.env, TOCSIN_DB_URL: "" };
  const { status, stderr } = spawnSync(process.execPath, ["dev/sql.ts"], {
    cwd: repository,
    encoding: "utf8",
    env,
  });
  assert.equal(status, 2);
  assert.match(stderr, /Nothing to run\. Use: node dev\/sql\.ts "select 1"/);
});
