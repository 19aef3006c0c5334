// Forwarding to Sentry and Rollbar: real functions in real Deno, a real database, receivers that
// answer as those do, and a moved clock. What arrives is read by Sentry's own SDK.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import {
  getEnvelopeEndpointWithUrlEncodedAuth,
  isRateLimited,
  makeDsn,
  updateRateLimits,
} from "@sentry/core";
import { startStack } from "../dev/stack.ts";
import { startTestDatabase, type TestDatabase, type TestServer } from "../dev/test/database.ts";
import { repository } from "../dev/paths.ts";
import { parseDsn } from "../supabase/functions/tocsin-notify/forward/dsn.ts";
import { renderRollbarItem } from "../supabase/functions/tocsin-notify/forward/rollbar_item.ts";
import { renderSentryEvent } from "../supabase/functions/tocsin-notify/forward/sentry_event.ts";
import { parseRateLimits } from "../supabase/functions/tocsin-notify/forward/sentry_limits.ts";
import { outbound } from "../supabase/functions/tocsin-notify/forward/testing/fixtures.ts";
import { sentryEventSchema } from "../supabase/functions/tocsin-notify/forward/testing/sentry_schema.ts";
import { startScene } from "./support/forwarding.ts";
import { rollbarToken, startSentry } from "./support/sentry.ts";

let server: TestServer;
before(async () => {
  server = await startTestDatabase();
});
after(() => server?.stop());

const numbered = (count: number, text = "boom"): string[] =>
  Array.from({ length: count }, (_, n) => `${text} ${"abcdefghijklmnopqrstuvwxyz"[n % 26]} ${n}`);

test("a run that failed is an issue in Sentry and an item in Rollbar; one rolled back is nothing", async (t) => {
  const { db, sentry, ring, states } = await startScene(server, t, {
    env: {
      TOCSIN_ENVIRONMENT: "staging",
      TOCSIN_RELEASE: "shop@2.0.0",
      ROLLBAR_ACCESS_TOKEN: rollbarToken,
    },
  });
  await db.sql(`create table public.jobs (id int primary key, status text, name text, step text,
    why text, project_id text, finished_at timestamptz)`);
  await db.sql(`select tocsin.watch_runs('public.jobs', p_options => '{"workflow_id": "name",
    "node": "step", "error": "why", "project_id": "project_id", "finished_at": "finished_at",
    "run_url_template": "https://app.example/runs/{{run_id}}"}')`);
  const client = await db.connect();
  await client.query("begin");
  await client.query("insert into public.jobs values (1, 'failed', 'import', 'save', 'never')");
  await client.query("rollback");
  const secret = "sk_live_51H8xyzABCDEFGHIJKLMN";
  await db.sql(
    `insert into public.jobs values (2, 'failed', 'import', 'save', $1, 'shop', now())`,
    [`RangeError: no room for Bearer ${secret}\n    at save (/app/src/save.ts:3:7)`],
  );
  await db.sql("select tocsin_internal.tick()");
  await ring();
  assert.equal(sentry.events.size, 1);
  const [event] = sentry.events.values();
  assert.ok(event !== undefined);
  sentryEventSchema.parse(event);
  const [stored] = await db.sql<{ error_id: string; timestamp: Date; fingerprint: string }>(
    "select error_id, timestamp, fingerprint from tocsin.error_metrics",
  );
  assert.equal(event.event_id, stored?.error_id.replaceAll("-", ""));
  assert.equal(event.timestamp, stored?.timestamp.toISOString());
  assert.deepEqual(event.fingerprint, ["shop", stored?.fingerprint]);
  assert.deepEqual(
    [event.environment, event.release, event.platform],
    ["staging", "shop@2.0.0", "node"],
  );
  assert.equal(event.tags?.["workflow"], "import");
  assert.equal(event.tags?.["node"], "save");
  assert.equal(event.tags?.["run"], "2");
  assert.equal(event.contexts?.["tocsin"]?.["run_link"], "https://app.example/runs/2");
  assert.match(
    String(event.contexts?.["tocsin"]?.["link"]),
    /^https:\/\/tocsin\.example\/errors\//,
  );
  assert.equal(event.exception?.values?.[0]?.type, "RangeError");
  assert.equal(event.exception?.values?.[0]?.stacktrace?.frames?.at(-1)?.function, "save");
  const [item] = sentry.items.values();
  assert.equal(sentry.items.size, 1);
  assert.equal(item?.["uuid"], stored?.error_id);
  assert.equal(item?.["context"], "import / save");
  assert.ok(!JSON.stringify([event, item]).includes(secret));
  assert.ok(!JSON.stringify([event, item]).includes("never"));
  assert.deepEqual(await states(), { forwarded: 1 });
  assert.equal(await ring(), 0, "and it is sent once");
});

test("two functions at once send each error once", async (t) => {
  const { sentry, report, ring, states } = await startScene(server, t, { count: 2 });
  await report(["the first"]);
  await ring();
  for (let n = 0; n < 4; n++) await report(numbered(60, `storm ${n}`));
  let rings = 0;
  while ((await ring()) > 0) rings += 1;
  assert.ok(rings >= 1);
  assert.deepEqual(await states(), { forwarded: 241 });
  assert.equal(sentry.events.size, 241);
  assert.equal(sentry.repetitions(), 0);
  assert.equal(sentry.requests.length, 241);
});

test("functions that die between sending and recording lose nothing, and repeat under one id", async (t) => {
  const { sentry, senders, report, ring, states, move } = await startScene(server, t, {
    count: 2,
    dieAt: 2,
  });
  await report(["the first"]);
  await ring();
  for (let n = 0; n < 3; n++) await report(numbered(70, `storm ${n}`));
  for (let n = 0; n < 60 && (await states())["forwarded"] !== 211; n++) {
    await ring();
    move(60_000);
  }
  t.diagnostic(
    `211 errors, ${sentry.requests.length} requests, ${senders.deaths()} deaths, ` +
      `${sentry.repetitions()} came again under their id`,
  );
  assert.deepEqual(await states(), { forwarded: 211 });
  assert.equal(sentry.events.size, 211);
  assert.ok(senders.deaths() >= 2, "functions did die");
  assert.ok(sentry.repetitions() > 0, "and what they had sent came again");
});

test("Sentry is down for an hour: it is left in peace, then everything arrives", async (t) => {
  const { db, sentry, report, ring, states, move, now } = await startScene(server, t);
  await report(["before"]);
  await ring();
  assert.equal(sentry.events.size, 1);
  const beforeIt = sentry.requests.length;
  const downAt = now().getTime();
  sentry.answer((nth) => ({ status: nth % 3 === 0 ? 500 : 503 }));
  while (now().getTime() < downAt + 3_600_000) {
    await report(numbered(5, `minute ${Math.floor((now().getTime() - downAt) / 60_000)}`));
    for (let beat = 0; beat < 4; beat++) {
      await ring();
      move(15_000);
    }
  }
  const [finding] = await db.sql<{ status: string; detail: string }>(
    "select status, detail from tocsin.doctor($1) where check_name = 'forwarding to sentry'",
    [now()],
  );
  const during = sentry.requests.length - beforeIt;
  assert.equal(finding?.status, "fail");
  assert.match(finding?.detail ?? "", /answered 50[03]/);
  sentry.answer();
  const upAt = now().getTime();
  let caughtUp = 0;
  while ((await states())["forwarded"] !== 301 && now().getTime() < upAt + 3_600_000) {
    move(5_000);
    await ring();
    caughtUp = now().getTime() - upAt;
  }
  const [most] = await db.sql<{ attempts: number }>(
    "select max(attempt_count) as attempts from tocsin.forwardings",
  );
  t.diagnostic(
    `${during} requests in the hour; 300 errors caught up ${caughtUp / 60_000} min after its end, ` +
      `after ${most?.attempts} attempts at most`,
  );
  assert.deepEqual(await states(), { forwarded: 301 });
  assert.equal(sentry.events.size, 301);
  assert.ok(during <= 30, `${during} requests are no peace`);
  assert.ok(caughtUp <= 12 * 60_000);
  assert.ok((most?.attempts ?? 99) <= 5, "no error was near its end");
  const [well] = await db.sql<{ status: string }>(
    "select status from tocsin.doctor($1) where check_name = 'forwarding to sentry'",
    [now()],
  );
  assert.equal(well?.status, "ok");
});

test("a quota is kept to: nothing is sent before the time that Sentry names", async (t) => {
  const { sentry, report, ring, states, move } = await startScene(server, t);
  await report(["before"]);
  await ring();
  const headers = { "x-sentry-rate-limits": "600:default;error:organization:quota" };
  sentry.answer(() => ({ status: 429, headers }));
  await report(numbered(30));
  await ring();
  const asked = sentry.requests.length;
  assert.ok(asked <= 9, "what was on its way came, and no more");
  sentry.answer();
  for (let waited = 0; waited < 590_000; waited += 10_000) {
    await ring();
    move(10_000);
  }
  assert.equal(sentry.requests.length, asked);
  move(15_000);
  await ring();
  assert.deepEqual(await states(), { forwarded: 31 });
  assert.equal(sentry.repetitions(), 0);
});

test("what Sentry refuses is a dead letter, and is sent when it is asked for", async (t) => {
  const { db, sentry, report, ring, states, move } = await startScene(server, t);
  await report(["before"]);
  await ring();
  sentry.answer((nth) => (nth === 3 ? { status: 400 } : undefined));
  await report(numbered(5));
  await ring();
  assert.deepEqual(await states(), { forwarded: 5, dead: 1 });
  const [letter] = await db.sql<{ last_error: string; http_status: number }>(
    "select last_error, http_status from tocsin.forwardings where state = 'dead'",
  );
  assert.equal(letter?.http_status, 400);
  assert.match(letter?.last_error ?? "", /^Sentry at .* answered 400/);
  await db.sql("select tocsin.forward_again('sentry')");
  move(1_000); // the function's clock counts milliseconds, the database's microseconds
  await ring();
  assert.deepEqual(await states(), { forwarded: 6 });
  assert.equal(sentry.events.size, 6);
});

test("a key that is refused loses nothing, and doctor() says what to look at", async (t) => {
  const { db, sentry, report, ring, states, move, now } = await startScene(server, t);
  sentry.answer(() => ({ status: 403 }));
  await report(numbered(3));
  for (let n = 0; n < 40; n++) {
    await ring();
    move(600_000);
  }
  assert.deepEqual(await states(), { pending: 3 });
  const [most] = await db.sql<{ attempts: number }>(
    "select max(attempt_count) as attempts from tocsin.forwardings",
  );
  assert.equal(most?.attempts, 0, "no attempt is used up");
  const [finding] = await db.sql<{ status: string; detail: string }>(
    "select status, detail from tocsin.doctor($1) where check_name = 'forwarding to sentry'",
    [now()],
  );
  assert.equal(finding?.status, "fail");
  assert.match(finding?.detail ?? "", /answered 403.*SENTRY_DSN/);
  sentry.answer();
  for (let n = 0; n < 3; n++) {
    move(600_000);
    await ring();
  }
  assert.deepEqual(await states(), { forwarded: 3 });
});

test("an error that is being stored while forwarding begins is not passed by", async (t) => {
  const { db } = await startScene(server, t);
  const claims = `select error ->> 'message' as message
    from tocsin.claim_forwardings('{"sentry": null}')`;
  await db.sql('select tocsin.report_errors(\'[{"message": "slow to commit"}]\')');
  const storing = await db.connect();
  const claiming = await db.connect();
  await storing.query("begin");
  await storing.query("select tocsin_internal.ingest_reports()");
  let isDone = false;
  const claimed = claiming.query<{ message: string }>(claims).finally(() => (isDone = true));
  await waitFor(db, "Lock");
  assert.equal(isDone, false, "the first word of a forwarder waits for it");
  await storing.query("commit");
  assert.deepEqual((await claimed).rows, [{ message: "slow to commit" }]);

  // the other way round: stored while the first word of Rollbar's is not committed yet
  await db.sql('select tocsin.report_errors(\'[{"message": "just then"}]\')');
  await claiming.query("begin");
  await claiming.query(`select tocsin.claim_forwardings('{"sentry": null, "rollbar": null}')`);
  const stored = storing.query("select tocsin_internal.ingest_reports()");
  await waitFor(db, "Lock");
  await claiming.query("commit");
  await stored;
  const rows = await db.sql<{ message: string }>(
    `select message from tocsin.forwardings join tocsin.error_metrics using (error_id)
     where forwarder = 'rollbar' order by 1`,
  );
  assert.ok(
    rows.some(({ message }) => message === "just then"),
    JSON.stringify(rows),
  );
});

async function waitFor(db: TestDatabase, event: string): Promise<void> {
  for (let n = 0; n < 500; n++) {
    const rows = await db.superuser(
      "select from pg_stat_activity where wait_event_type = $1 and datname = $2",
      [event, db.name],
    );
    if (rows.length > 0) return;
    await new Promise((next) => setTimeout(next, 10));
  }
  assert.fail(`Nothing ever waited for a ${event}.`);
}

test("on the whole stack the heart and the doorbell carry an error to Sentry", async (t) => {
  const sentry = await startSentry();
  t.after(() => sentry.stop());
  const stack = await startStack({
    demo: false,
    secrets: { SENTRY_DSN: sentry.dsn, TOCSIN_ALLOW_INSECURE_HOSTS: sentry.host },
  });
  t.after(() => stack.stop());
  const report = async (message: string): Promise<void> => {
    const answer = await fetch(`${stack.functionsUrl}/tocsin-api/error-events`, {
      method: "POST",
      headers: { authorization: `Bearer ${stack.keys.secret}`, apikey: stack.keys.secret },
      body: JSON.stringify([{ message, component: "worker" }]),
    });
    assert.equal(answer.status, 202, await answer.text());
  };
  const arrives = async (message: string): Promise<number> => {
    const began = Date.now();
    await report(message);
    while (![...sentry.events.values()].some((event) => JSON.stringify(event).includes(message))) {
      assert.ok(Date.now() - began < 60_000, `${message} never arrived`);
      await new Promise((next) => setTimeout(next, 50));
    }
    return (Date.now() - began) / 1_000;
  };
  const first = await arrives("the first error of all");
  const later = await arrives("another one");
  t.diagnostic(`reported to received: first ${first.toFixed(1)} s, then ${later.toFixed(1)} s`);
  assert.equal(sentry.repetitions(), 0);
});

test("every field and tag that is sent is in the reference", () => {
  const page = readFileSync(join(repository, "docs/reference/forwarding.md"), "utf8");
  const chain = { stack: "Error: x\n    at f (/a.js:1:1)", sqlstate: "23505" };
  const events = [
    renderSentryEvent(outbound(chain, { eventId: randomUUID() })),
    renderSentryEvent(outbound({ exception: null, stack: null })),
  ];
  const fields = events.flatMap((event) => [
    ...Object.keys(event),
    ...Object.keys(event.tags),
    ...Object.keys(event.contexts),
  ]);
  const item = Object.keys(renderRollbarItem(outbound(chain)).data);
  assert.ok(fields.length > 30 && item.length > 12);
  assert.deepEqual(
    [...new Set([...fields, ...item])].filter((name) => !page.includes(`\`${name}\``)),
    [],
  );
});

test("DSNs and rate limits are read as Sentry's own SDK reads them", () => {
  for (const text of [
    "https://abc@o42.ingest.sentry.io/4501",
    "https://abc@sentry.example:8443/1",
    "https://abc@host.example/deep/path/7",
    "http://abc:old@127.0.0.1:8000/3",
  ]) {
    const theirs = makeDsn(text);
    const ours = parseDsn(text);
    assert.ok(theirs !== undefined && !("problem" in ours));
    assert.equal(ours.url, getEnvelopeEndpointWithUrlEncodedAuth(theirs).split("?")[0]);
    assert.equal(ours.publicKey, theirs.publicKey);
  }
  const now = Date.UTC(2026, 10, 21);
  for (const header of [
    "60:error:organization",
    "60::organization",
    "60:transaction:key",
    "60:transaction:key, 2700:default;error;security:organization:quota",
    "10:error:key, 20:error:key",
    "5:metric_bucket:organization:quota:custom",
  ]) {
    const limits = updateRateLimits(
      {},
      { headers: { "x-sentry-rate-limits": header, "retry-after": null } },
      now,
    );
    const wait = parseRateLimits(header) ?? 0;
    assert.equal(isRateLimited(limits, "error", now + wait), false, header);
    if (wait > 0) assert.equal(isRateLimited(limits, "error", now + wait - 1), true, header);
  }
});
