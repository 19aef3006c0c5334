// The whole road on the whole stack: a run fails in Postgres, and an e-mail lies in an inbox and a
// signed webhook at a receiver. Real Postgres, real pgmq, real Deno, real HTTP.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { createClient, type SupabaseClient } from "@supabase/supabase-js";
import pg from "pg";
import { seed } from "../dev/database.ts";
import { startStack, type Stack } from "../dev/stack.ts";

const workflow = "11111111-aaaa-4000-8000-000000000001"; // order-import of Acme Shop
const project = "7b6f0c1e-2f3a-4d55-9c1d-0a4b8f1c2d3e";
const globalSetting = "bbbbbbbb-0000-4000-8000-000000000001";

let stack: Stack;
let db: pg.Client;

before(async () => {
  stack = await startStack({ demo: false });
  await seed(stack.databaseUrl, { history: false });
  db = new pg.Client({ connectionString: stack.databaseUrl });
  await db.connect();
  // the demo's other settings would tell of the same failures
  await db.query("update tocsin.alert_settings set is_enabled = name = 'Every failed run'");
  await db.query("update tocsin.alert_channels set url = $1 where kind = 'webhook'", [
    `${stack.receiver.url}/hooks/demo`,
  ]);
});

after(async () => {
  await db?.end();
  await stack?.stop();
});

async function startRun(workflowId = workflow): Promise<string> {
  const { rows } = await db.query<{ id: string }>(
    `insert into public.workflow_runs (project_id, workflow_id)
     select project_id, id from public.workflow_definitions where id = $1 returning id`,
    [workflowId],
  );
  return rows[0]?.id ?? "";
}

/** What MeshHook's worker writes when a step has failed for good; it leaves the run running. */
async function failStep(run: string, error: string): Promise<void> {
  for (let attempt = 1; attempt <= 5; attempt++) {
    await db.query(
      "insert into public.workflow_events (run_id, type, payload) values ($1, 'step_failed', $2)",
      [run, { node: { id: "createContact", type: "http_call" }, attempt, error }],
    );
  }
}

/** The failure's hand on the clock: whatever waits for its next attempt is due now. */
async function makeDue(): Promise<void> {
  await db.query(
    "update tocsin.deliveries set next_attempt_at = clock_timestamp() where state = 'pending'",
  );
}

const count = async (sql: string, values: unknown[] = []): Promise<number> =>
  Number((await db.query<{ count: string }>(sql, values)).rows[0]?.count);

test("a failure that is rolled back is never told; one that commits is told once, redacted", async () => {
  const secret = "sk_live_51H8xyzABCDEFGHIJKLMN";
  const rolledBack = await startRun();
  await db.query("begin");
  await failStep(rolledBack, "this never happened");
  await db.query("rollback");

  const run = await startRun();
  await db.query("begin");
  await failStep(run, `Error: HTTP 502 from https://crm.example: Authorization: Bearer ${secret}`);
  await db.query("commit");

  const webhook = await stack.receiver.waitFor((message) => message.body.includes(run), 30_000);
  const email = await stack.inbox.waitFor((message) => message.text.includes(run), 30_000);

  assert.equal(webhook.verified, true, webhook.reason ?? "");
  const body = JSON.parse(webhook.body) as {
    type: string;
    data: { workflow_name: string; event: Record<string, unknown> };
  };
  assert.equal(body.type, "run.failed");
  assert.equal(body.data.workflow_name, "order-import");
  assert.equal(body.data.event["node"], "createContact");
  assert.equal(body.data.event["run_url"], `https://meshhook.example/runs/${run}`);
  assert.match(email.subject, /order-import/);
  assert.deepEqual(email.to, ["oncall@acme.example"]);
  for (const text of [webhook.body, email.html, email.text, email.subject]) {
    assert.doesNotMatch(text, new RegExp(secret));
    assert.doesNotMatch(text, /this never happened/);
  }
  assert.match(email.text, /HTTP 502 from https:\/\/crm\.example/);
  assert.match(email.text, /\[redacted/);

  // and nothing more: beats that find nothing new tell nothing
  for (let beat = 0; beat < 3; beat++) await db.query("select * from tocsin_internal.tick()");
  assert.equal(stack.inbox.messages().length, 1);
  assert.equal(stack.receiver.messages().length, 1);
  assert.equal(await count("select count(*) from tocsin.alert_logs"), 1);
  assert.equal(
    await count("select count(*) from tocsin.error_metrics where run_id = $1", [rolledBack]),
    0,
  );
});

test("a receiver that answers 500 twice and then 200 gets one id three times", async () => {
  stack.receiver.answer([{ status: 500, times: 2 }], "demo");
  const run = await startRun("11111111-aaaa-4000-8000-000000000002");
  await failStep(run, "Error: HTTP 500");

  const isIt = (message: { body: string; attempt: number }, attempt: number): boolean =>
    message.body.includes(run) && message.attempt === attempt;
  for (const attempt of [1, 2, 3]) {
    await stack.receiver.waitFor((message) => isIt(message, attempt), 30_000);
    await waitUntil(
      async () =>
        (await count(
          `select count(*) from tocsin.delivery_attempts a join tocsin.deliveries d using (delivery_id)
           join tocsin.notifications n using (notification_id)
           where n.content #>> '{event,run_id}' = $1 and d.channel_kind = 'webhook'`,
          [run],
        )) === attempt,
      "the attempt is recorded",
    );
    await makeDue();
  }

  const received = stack.receiver.messages().filter((message) => message.body.includes(run));
  assert.deepEqual(received.map((message) => message.answered).reverse(), [500, 500, 200]);
  assert.equal(new Set(received.map((message) => message.webhook_id)).size, 1);
  assert.ok(received.every((message) => message.verified));
  const { rows } = await db.query(
    `select a.attempt, a.outcome, a.http_status, d.state
     from tocsin.delivery_attempts a join tocsin.deliveries d using (delivery_id)
     join tocsin.notifications n using (notification_id)
     where n.content #>> '{event,run_id}' = $1 and d.channel_kind = 'webhook' order by a.attempt`,
    [run],
  );
  assert.deepEqual(rows, [
    { attempt: 1, outcome: "retry", http_status: 500, state: "delivered" },
    { attempt: 2, outcome: "retry", http_status: 500, state: "delivered" },
    { attempt: 3, outcome: "delivered", http_status: 200, state: "delivered" },
  ]);
});

test("the rest of a storm is counted, named and told at the window's end", async () => {
  const storming = "11111111-aaaa-4000-8000-000000000003";
  for (let i = 0; i < 12; i++) await failStep(await startRun(storming), "Error: storm");
  const first = await stack.receiver.waitFor((m) => m.body.includes("nightly-report"), 30_000);
  await waitUntil(
    async () =>
      (await count("select count(*) from tocsin.alert_logs where workflow_id = $1", [storming])) ===
      12,
    "every failure is decided",
  );

  // a stage that the heart is at just then is left out of this beat
  await waitUntil(async () => {
    await db.query("select * from tocsin_internal.tick(clock_timestamp() + interval '6 minutes')");
    return (await count("select count(*) from tocsin.notifications where purpose = 'summary'")) > 0;
  }, "the summary is written");
  await makeDue();
  const summary = await stack.receiver.waitFor(
    (m) => m.body.includes("run.failed.summary"),
    30_000,
  );
  const { data } = JSON.parse(summary.body) as {
    data: { held_back: { count: number; runs: unknown[] } };
  };
  assert.equal(data.held_back.count, 11);
  assert.equal(data.held_back.runs.length, 10);
  const email = await stack.inbox.waitFor((m) => /11/.test(m.subject + m.text), 30_000);
  assert.match(email.text, /nightly-report/);
  assert.equal(first.verified && summary.verified, true);
});

test("a table nobody foresaw is watched with one statement, and its next failure sends", async () => {
  await db.query(`create table public.nightly (id int primary key, outcome_code text, what text,
    ended timestamptz, trouble text)`);
  await db.query(`select tocsin.watch_runs('public.nightly', p_options => '{
    "status": "outcome_code", "workflow_id": "what", "error": "trouble", "finished_at": "ended",
    "succeeded": ["A-OK"], "failed": ["B-ROKE"]}')`);
  await db.query(
    "insert into public.nightly values (7, 'B-ROKE', 'billing export', now(), 'disk is full')",
  );
  const email = await stack.inbox.waitFor((m) => m.text.includes("disk is full"), 30_000);
  assert.match(email.subject, /billing export/);
});

test("the unsubscribe button of an email ends them for that address, without a session", async () => {
  const { rows } = await db.query<{ channel_id: string }>(
    `insert into tocsin.alert_channels (name, kind, recipients)
     values ('newcomers', 'email', '{anna@acme.example,ben@acme.example}') returning channel_id`,
  );
  const channel = rows[0]?.channel_id;
  await db.query("select tocsin.send_test_alert($1)", [channel]);
  const email = await stack.inbox.waitFor(({ to }) => to.includes("anna@acme.example"), 30_000);
  await stack.inbox.waitFor(({ to }) => to.includes("ben@acme.example"), 30_000);
  assert.deepEqual(email.to, ["anna@acme.example"], "nobody else's address is in it");
  assert.equal(email.headers["List-Unsubscribe-Post"], "List-Unsubscribe=One-Click");
  const url = /^<(.+)>$/.exec(email.headers["List-Unsubscribe"] ?? "")?.[1] ?? "";
  assert.equal((await fetch(url)).status, 405);
  const recipients = async (): Promise<unknown> =>
    (
      await db.query<{ recipients: string[] }>(
        "select recipients from tocsin.alert_channels where channel_id = $1",
        [channel],
      )
    ).rows[0]?.recipients;
  assert.deepEqual(await recipients(), ["anna@acme.example", "ben@acme.example"]);
  const pressed = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/x-www-form-urlencoded" },
    body: "List-Unsubscribe=One-Click",
  });
  assert.equal(pressed.status, 200);
  assert.deepEqual(await recipients(), ["ben@acme.example"]);
  await db.query("delete from tocsin.alert_channels where channel_id = $1", [channel]);
});

test("the operator sees it through the Data API, an owner their project, a stranger nothing", async () => {
  const operator = await signedIn(stack.operator.email, stack.operator.password);
  const owner = await signedIn("owner@acme.example", "a-good-password", true);
  const stranger = await signedIn("stranger@example.com", "a-good-password", true);
  const { data: user } = await owner.auth.getUser();
  await db.query("update public.projects set owner = $1 where id = $2", [user.user?.id, project]);

  const runsSeenBy = async (client: SupabaseClient): Promise<string[]> => {
    const { data, error } = await client.schema("tocsin").from("error_metrics").select("run_id");
    assert.equal(error, null);
    return (data ?? []).map((row) => String(row["run_id"]));
  };
  assert.ok((await runsSeenBy(operator)).includes("7"), "what belongs to no project");
  const ownersRuns = await runsSeenBy(owner);
  assert.ok(
    ownersRuns.length > 0 && !ownersRuns.includes("7"),
    "the host says whose project it is",
  );
  assert.deepEqual(await runsSeenBy(stranger), []);

  for (const table of ["alert_logs", "deliveries", "notifications", "alert_settings"]) {
    const seen = async (client: SupabaseClient): Promise<number> =>
      (await client.schema("tocsin").from(table).select("*")).data?.length ?? -1;
    assert.ok((await seen(operator)) > 0, `the operator sees ${table}`);
    assert.equal(await seen(stranger), 0, `a stranger sees nothing of ${table}`);
  }
  const anonymous = createClient(stack.apiUrl, stack.keys.publishable);
  const { error } = await anonymous.schema("tocsin").from("error_metrics").select("run_id");
  assert.ok(error, "who is not signed in is refused");
});

test("doctor() finds nothing wrong on the running stack, once it is watched itself", async () => {
  await db.query("update tocsin.self_watch set heartbeat_url = $1 where true", [
    `${stack.receiver.url}/ping`,
  ]);
  // these tests move the clock, which looks like a heart that stood still
  const { rows } = await db.query(`select * from tocsin.doctor() where status <> 'ok'
    and (check_name <> 'tocsin is well' or detail !~ 'beats late')`);
  assert.deepEqual(rows, []);
});

test("how long it takes from the failure's commit to the webhook", async (t) => {
  await db.query("update tocsin.alert_settings set throttle_window = '0' where setting_id = $1", [
    globalSetting,
  ]);
  const committed = new Map<string, number>();
  const arrivals: Promise<number>[] = [];
  for (let i = 0; i < 20; i++) {
    const run = await startRun();
    await failStep(run, "Error: latency");
    committed.set(run, Date.now());
    arrivals.push(
      stack.receiver
        .waitFor((message) => message.body.includes(run), 30_000)
        .then((message) => Date.parse(message.received_at) - (committed.get(run) ?? 0)),
    );
    await new Promise((next) => setTimeout(next, 500));
  }
  const latencies = (await Promise.all(arrivals)).sort((a, b) => a - b);
  const at = (share: number): string =>
    `${((latencies[Math.ceil(share * latencies.length) - 1] ?? NaN) / 1000).toFixed(1)} s`;
  t.diagnostic(`committed to received: p50 ${at(0.5)}, p99 ${at(0.99)} (budget: p99 <= 8 s)`);
  assert.equal(latencies.length, 20);
  assert.equal(
    await count("select count(*) from tocsin.delivery_attempts where outcome = 'dead'"),
    0,
  );
});

async function signedIn(email: string, password: string, isNew = false): Promise<SupabaseClient> {
  const client = createClient(stack.apiUrl, stack.keys.publishable, {
    auth: { persistSession: false, autoRefreshToken: false },
  });
  if (isNew) assert.equal((await client.auth.signUp({ email, password })).error, null);
  const { error } = await client.auth.signInWithPassword({ email, password });
  assert.equal(error, null);
  return client;
}

async function waitUntil(isSo: () => Promise<boolean>, what: string): Promise<void> {
  const giveUp = Date.now() + 30_000;
  while (!(await isSo())) {
    if (Date.now() > giveUp) assert.fail(`It never came about that ${what}.`);
    await new Promise((next) => setTimeout(next, 50));
  }
}
