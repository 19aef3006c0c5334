// npm run test:platform: the product on Debian's PostgreSQL 17 with the real pg_cron, its metrics
// before the real Prometheus, and its alerts before the real Alertmanager: no npm package has these.
// For root on Linux; elsewhere it is skipped, but never in CI. With TOCSIN_DB_URL what can be is
// tried on a database of your own instead, with the real pg_net and Vault, if it has them.
// Words behind it choose pgTAP files by a part of their path.

import assert from "node:assert/strict";
import { globSync } from "node:fs";
import { join, relative } from "node:path";
import { after, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { pushMigrations, runSupabase } from "../cli.ts";
import { withClient } from "../database.ts";
import { repository } from "../paths.ts";
import { startStack } from "../stack.ts";
import { leavesNothing, readSequences, resetSequences, runPgtapFile } from "../test/tap.ts";
import { tryVerifier } from "../verifiers.ts";
import { deliverToAlertmanager } from "./alertmanager.ts";
import { compareSchedules, skipJob, watchJobs } from "./cron-watch.ts";
import { openPlace, type Row } from "./place.ts";
import { scrapeWithPrometheus } from "./scrape.ts";
import { installAndRemove } from "./uninstall.ts";

const place = await openPlace((line) => console.log(line));
after(() => place.stop());
const { adminUrl, debian, query, launchJobs } = place;
const onDebian = { skip: debian ? false : "It needs Debian's own programs." };

test("the Supabase CLI pushes the migrations as postgres, and a second time changes nothing", async (t) => {
  assert.ok((await pushMigrations(place.url)) > 0);
  assert.equal(await pushMigrations(place.url), 0);
  for (const line of await versions()) t.diagnostic(line);
});

test("pgTAP, beside the real pg_cron", async (t) => {
  // Its scheduler would meet the tests in the tables and the advisory locks.
  await launchJobs(false);
  const sequences = await readSequences(adminUrl);
  const root = join(repository, "supabase/tests");
  const parts = process.argv.slice(2);
  const files = globSync("**/*.test.sql", { cwd: root })
    .filter((file) => parts.length === 0 || parts.some((part) => file.includes(part)))
    .sort();
  assert.ok(files.length > 0);
  for (const file of files) {
    await t.test(relative(root, join(root, file)), async () => {
      assert.ok(
        leavesNothing(join(root, file)),
        "It has to end with rollback: there is one database.",
      );
      const { problems } = await runPgtapFile(place.url, join(root, file));
      await resetSequences(adminUrl, sequences);
      if (problems.length > 0) assert.fail(problems.join("\n\n"));
    });
  }
});

test("supabase db lint finds no error", async (t) => {
  const [checker] = await query("select 1 from pg_extension where extname = 'plpgsql_check'");
  if (!checker) {
    t.skip("There is no plpgsql_check.");
    return;
  }
  const schemas = ["--schema", "tocsin,tocsin_internal"];
  const { code, output } = await runSupabase([
    "db",
    "lint",
    `--remote=${place.url}`,
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
    `--remote=${place.url}`,
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
  await withClient(place.url, (client) =>
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
  const stack = await startStack({ databaseUrl: place.url });
  try {
    // on a database of one's own, its own Auth is to sign the operator up
    if (debian) assert.deepEqual(stack.warnings, []);
    const email = await stack.inbox.waitFor(() => true, 60_000);
    t.diagnostic(email.subject);
    const webhook = await stack.receiver.waitFor(() => true, 60_000);
    assert.equal(webhook.verified, true);
    if (place.hasRealCron) {
      const [launcher] = await query(
        "select backend_type as it from pg_stat_activity where backend_type like 'pg_cron%'",
      );
      assert.equal(launcher?.["it"], "pg_cron launcher");
    }
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

test("schedules are read as the real pg_cron reads them", async () => {
  await launchJobs(false);
  assert.deepEqual(await compareSchedules(asOwner), []);
});

test("a job that fails is told, one that is unscheduled is not, each failed run is one event", async () => {
  await launchJobs(true);
  await watchJobs(asOwner);
});

test("a job that the real pg_cron does not begin is missed, until it begins", async () => {
  await skipJob(asOwner, launchJobs);
});

test(
  "Prometheus reads what tocsin-api tells scrapers, and answers with what the table holds",
  onDebian,
  async () => {
    await launchJobs(true);
    const stack = await startStack({ databaseUrl: place.url, workload: false });
    try {
      await scrapeWithPrometheus(debian ?? "", stack);
    } finally {
      await stack.stop();
    }
  },
);

test(
  "Alertmanager takes alerts from a channel, knows them again, and sees them end",
  onDebian,
  async () => {
    await launchJobs(false);
    await deliverToAlertmanager(debian ?? "", adminUrl);
  },
);

test(
  "installed and removed again, pg_dump tells the same schema as before",
  onDebian,
  async (t) => {
    t.diagnostic(await installAndRemove(debian ?? ""));
  },
);

test(
  "the programs that the docs give to receivers of webhooks verify them",
  onDebian,
  async (t) => {
    for (const language of ["python", "go", "ruby", "php"] as const) {
      await t.test(language, async () => {
        assert.deepEqual(await tryVerifier(language, debian ?? ""), []);
      });
    }
  },
);

/** As `postgres`, whose jobs Tocsin sees. */
function asOwner(text: string, values: unknown[] = []): Promise<Row[]> {
  return withClient(place.url, async (client) => (await client.query<Row>(text, values)).rows);
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
