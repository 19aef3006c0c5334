// npm run test:platform: the product on Debian's PostgreSQL 17 with the real pg_cron, its metrics
// before the real Prometheus, and its alerts before the real Alertmanager: no npm package has these.
// For root on Linux; elsewhere it is skipped, but never in CI.

import assert from "node:assert/strict";
import { globSync } from "node:fs";
import { join, relative } from "node:path";
import { after, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { pushMigrations, runSupabase } from "../cli.ts";
import { bootstrapDatabase, runFile, withClient } from "../database.ts";
import { isRoot, repository } from "../paths.ts";
import { superuser } from "../postgres.ts";
import { startStack } from "../stack.ts";
import { leavesNothing, readSequences, resetSequences, runPgtapFile } from "../test/tap.ts";
import { tryVerifier } from "../verifiers.ts";
import { deliverToAlertmanager } from "./alertmanager.ts";
import { prepareDebian } from "./debian.ts";
import { scrapeWithPrometheus } from "./scrape.ts";
import { startPlatformServer } from "./server.ts";

const isCi = process.env["CI"] === "true";
if (process.platform !== "linux" || !isRoot) {
  const reason = "The platform tests need root on Linux: they run Debian's PostgreSQL in a chroot.";
  console.log(isCi ? reason : `Skipped. ${reason}`);
  process.exit(isCi ? 1 : 0);
}

// Where Debian has chroot and debootstrap, and not every shell looks.
process.env["PATH"] = `${process.env["PATH"] ?? ""}:/usr/sbin:/sbin`;

const say = (line: string): void => console.log(line);
const debian = await prepareDebian(say);
const server = await startPlatformServer(debian);
after(() => server.stop());
const adminUrl = server.url(superuser);
await bootstrapDatabase(adminUrl);
await runFile(adminUrl, join(repository, "dev/platform/pg_cron.sql"));
await withClient(adminUrl, (client) =>
  client.query(`
    create extension pgtap with schema extensions;
    create extension plpgsql_check with schema extensions;
    alter database postgres set pgrst.db_schemas = 'public, tocsin'`),
);

test("the Supabase CLI pushes the migrations as postgres, and a second time changes nothing", async (t) => {
  assert.ok((await pushMigrations(server.url())) > 0);
  assert.equal(await pushMigrations(server.url()), 0);
  for (const line of await versions()) t.diagnostic(line);
});

test("pgTAP, beside the real pg_cron", async (t) => {
  // Its scheduler would meet the tests in the tables and the advisory locks.
  await launchJobs(false);
  const sequences = await readSequences(adminUrl);
  const root = join(repository, "supabase/tests");
  for (const file of globSync("**/*.test.sql", { cwd: root }).sort()) {
    await t.test(relative(root, join(root, file)), async () => {
      assert.ok(
        leavesNothing(join(root, file)),
        "It has to end with rollback: there is one database.",
      );
      const { problems } = await runPgtapFile(server.url(), join(root, file));
      await resetSequences(adminUrl, sequences);
      if (problems.length > 0) assert.fail(problems.join("\n\n"));
    });
  }
});

test("supabase db lint finds no error", async () => {
  const schemas = ["--schema", "tocsin,tocsin_internal"];
  const { code, output } = await runSupabase([
    "db",
    "lint",
    `--remote=${server.url()}`,
    ...schemas,
    "--level",
    "error",
    "--fail-on",
    "error",
  ]);
  assert.equal(code, 0, output);
});

test("supabase db advisors finds nothing but indexes not used yet", async () => {
  const { code, output } = await runSupabase([
    "db",
    "advisors",
    `--remote=${server.url()}`,
    "--level",
    "info",
    "--output",
    "json",
  ]);
  assert.equal(code, 0, output);
  const found = JSON.parse(output.slice(output.indexOf("["))) as {
    name: string;
    detail: string;
    metadata: { schema?: string };
  }[];
  const ours = found.filter(
    ({ name, metadata }) => metadata.schema?.startsWith("tocsin") && name !== "unused_index",
  );
  assert.deepEqual(
    ours.map(({ name, detail }) => `${name}: ${detail}`),
    [],
  );
});

test("the real pg_cron commits where the command says so, as the stand-in does", async () => {
  await launchJobs(true);
  const insert = "insert into public.beats default values";
  await query(
    "create table public.beats (beat_id bigserial, xid xid8 default pg_current_xact_id())",
  );
  await query("grant all on public.beats, public.beats_beat_id_seq to postgres");
  await withClient(server.url(), (client) =>
    client.query("select cron.schedule('probe', '1 second', $1)", [
      `${insert}; ${insert}; commit; ${insert}; select cron.unschedule('probe')`,
    ]),
  );
  const beats =
    "select dense_rank() over (order by xid)::int as it from public.beats order by beat_id";
  let seen: unknown[] = [];
  for (let tries = 0; tries < 100 && seen.length < 3; tries++) {
    await sleep(100);
    seen = (await query(beats)).map(({ it }) => it);
  }
  assert.deepEqual(seen, [1, 1, 2]);
  await query("drop table public.beats");
});

test("the real pg_cron drives a failure to an email and a verified webhook", async (t) => {
  const before = await query(
    "select coalesce(max(runid), 0)::int as runid from cron.job_run_details",
  );
  await launchJobs(true);
  const stack = await startStack({ databaseUrl: server.url() });
  try {
    assert.deepEqual(stack.warnings, []);
    const email = await stack.inbox.waitFor(() => true, 60_000);
    t.diagnostic(email.subject);
    const webhook = await stack.receiver.waitFor(() => true, 60_000);
    assert.equal(webhook.verified, true);
    const [launcher] = await query(
      "select backend_type as it from pg_stat_activity where backend_type like 'pg_cron%'",
    );
    assert.equal(launcher?.["it"], "pg_cron launcher");
    const failed = await query(
      `select command, return_message from cron.job_run_details
       where runid > $1 and status = 'failed'`,
      [before[0]?.["runid"]],
    );
    assert.deepEqual(failed, []);
    const findings = await query(
      "select check_name, detail from tocsin.doctor() where status = 'fail'",
    );
    assert.deepEqual(findings, []);
  } finally {
    await stack.stop();
  }
});

test("Prometheus reads what tocsin-api tells scrapers, and answers with what the table holds", async () => {
  await launchJobs(true);
  const stack = await startStack({ databaseUrl: server.url(), workload: false });
  try {
    await scrapeWithPrometheus(debian, stack);
  } finally {
    await stack.stop();
  }
});

test("Alertmanager takes alerts from a channel, knows them again, and sees them end", async () => {
  await launchJobs(false);
  await deliverToAlertmanager(debian, adminUrl);
});

test("the programs that the docs give to receivers of webhooks verify them", async (t) => {
  for (const language of ["python", "go", "ruby", "php"] as const) {
    await t.test(language, async () => {
      assert.deepEqual(await tryVerifier(language, debian), []);
    });
  }
});

function query(text: string, values: unknown[] = []): Promise<Record<string, unknown>[]> {
  return withClient(adminUrl, async (client) => {
    return (await client.query<Record<string, unknown>>(text, values)).rows;
  });
}

/** Lets pg_cron launch jobs, or keeps it from it and waits for those that run. */
async function launchJobs(active: boolean): Promise<void> {
  await query(`alter system set cron.launch_active_jobs = ${active ? "on" : "off"}`);
  await query("select pg_reload_conf()");
  if (active) return;
  await sleep(200); // pg_cron has to see it
  const running = `select 1 from cron.job_run_details where status in ('starting', 'running')`;
  for (let tries = 0; tries < 100 && (await query(running)).length > 0; tries++) await sleep(100);
}

async function versions(): Promise<string[]> {
  const rows = await query(`
    select 'PostgreSQL ' || current_setting('server_version') as line
    union all
    select e.extname || ' ' || e.extversion || case
      when a.comment like 'Stand-in%' then ' (stand-in)' else '' end
    from pg_extension e join pg_available_extensions a on a.name = e.extname order by 1`);
  return rows.map(({ line }) => String(line));
}
