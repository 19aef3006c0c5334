// The routes of tocsin-api about alerts, on the whole stack: who may save, read and trigger what,
// and that a failure that is triggered is decided like any other, once.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, test } from "node:test";
import pg from "pg";
import { z } from "zod";
import { startStack, type Stack } from "../dev/stack.ts";
import { peopleOf } from "../dev/test/people.ts";

const settingDocument = z.object({
  setting_id: z.string(),
  name: z.string(),
  level: z.string(),
  project_id: z.string().nullable(),
  parameters: z.record(z.string(), z.unknown()),
  throttle_limit: z.number(),
  updated_at: z.string(),
  channels: z.array(z.object({ channel_id: z.string(), name: z.string().nullable() })),
});
const savedDocument = z.strictObject({ setting: settingDocument });
const settingsDocument = z.strictObject({
  project_id: z.string(),
  workflow_id: z.string().nullable(),
  settings: z.array(
    settingDocument.extend({
      is_inherited: z.boolean(),
      applies: z.boolean(),
      replaced_by: z.array(z.object({ name: z.string() })),
    }),
  ),
  more_specific: z.array(settingDocument).optional(),
});
const triggeredDocument = z.strictObject({ event_id: z.string(), decisions: z.string() });
const decisionsDocument = z.strictObject({
  event_id: z.string(),
  decisions: z.array(
    z.object({
      decision: z.string(),
      setting_name: z.string().nullable(),
      severity: z.string(),
      deliveries: z.array(z.object({ channel_name: z.string(), state: z.string() })),
    }),
  ),
});
const errorDocument = z.strictObject({
  error: z.strictObject({
    code: z.string(),
    message: z.string(),
    hint: z.string().optional(),
    issues: z.array(z.strictObject({ path: z.string(), message: z.string() })).optional(),
  }),
});

type Actor =
  "anonymous" | "stranger" | "viewer" | "editor" | "admin" | "otherAdmin" | "operator" | "service";

let stack: Stack;
let db: pg.Client;
/** Their tokens. */
let people: Record<Actor, string>;
let mail: string;

before(async () => {
  stack = await startStack({ demo: false });
  db = new pg.Client({ connectionString: stack.databaseUrl });
  await db.connect();
  // nothing but this file moves what is triggered
  await db.query("select cron.unschedule(jobid) from cron.job");
  const { signUp, signIn } = peopleOf(stack, db);
  people = {
    anonymous: stack.keys.publishable,
    stranger: await signUp(),
    viewer: await signUp("a", "viewer"),
    editor: await signUp("a", "editor"),
    admin: await signUp("a", "admin"),
    otherAdmin: await signUp("b", "admin"),
    operator: await signIn(stack.operator.email, stack.operator.password),
    service: stack.keys.secret,
  };
  const { rows } = await db.query<{ channel_id: string }>(
    `insert into tocsin.alert_channels (name, kind, recipients, project_id)
     values ('mail', 'email', '{ops@example.com}', 'a') returning channel_id`,
  );
  mail = rows[0]?.channel_id ?? "";
});

after(async () => {
  await db?.end();
  await stack?.stop();
});

function call(path: string, token: string, body?: unknown, headers: Record<string, string> = {}) {
  return fetch(`${stack.functionsUrl}/tocsin-api${path}`, {
    headers: { ...headers, apikey: stack.keys.publishable, authorization: `Bearer ${token}` },
    ...(body === undefined ? {} : { method: "POST", body: JSON.stringify(body) }),
  });
}

async function said<T extends z.ZodType>(answer: Response, status: number, document: T) {
  const text = await answer.text();
  assert.equal(answer.status, status, text);
  return document.parse(JSON.parse(text));
}

const save = async (body: unknown, status = 201, token = people.editor) =>
  (await said(await call("/alerts/settings", token, body), status, savedDocument)).setting;
const refused = async (body: unknown, status: number, token = people.editor) =>
  (await said(await call("/alerts/settings", token, body), status, errorDocument)).error;

/** What each actor is answered to the same, as "status code". */
async function answersOf(path: string, body?: () => unknown) {
  const answers: Partial<Record<Actor, string>> = {};
  for (const [name, token] of Object.entries(people)) {
    const answer = await call(path, token, body?.());
    const parsed = errorDocument.safeParse(await answer.json());
    const code = parsed.success ? ` ${parsed.data.error.code}` : "";
    answers[name as Actor] = `${answer.status}${code}`;
  }
  return answers;
}

test("each actor saves the settings that they may, and learns nothing of others", async () => {
  const refusedTo = (answer: string) => ({ stranger: answer, otherAdmin: answer });
  const taken = { editor: "201", admin: "201", operator: "201", service: "201" };
  const anonymous = { anonymous: "401 unauthorized" };
  assert.deepEqual(await answersOf("/alerts/settings", () => ({ name: "mine", project_id: "a" })), {
    ...anonymous,
    ...refusedTo("403 TC086"),
    viewer: "403 TC086",
    ...taken,
  });
  const { setting_id } = await save({ name: "of a", project_id: "a" });
  assert.deepEqual(await answersOf("/alerts/settings", () => ({ setting_id, name: "changed" })), {
    ...{ ...anonymous, ...refusedTo("404 TC087"), viewer: "403 TC086" },
    ...{ editor: "200", admin: "200", operator: "200", service: "200" },
  });
  const absent = await refused({ setting_id: randomUUID(), name: "x" }, 404);
  assert.deepEqual(
    await refused({ setting_id, name: "x" }, 404, people.otherAdmin),
    absent,
    "one that is not there and one that is not theirs are answered alike",
  );
  assert.deepEqual(await answersOf("/alerts/settings", () => ({ name: "all", project_id: null })), {
    ...{ ...anonymous, ...refusedTo("403 TC086"), viewer: "403 TC086", editor: "403 TC086" },
    ...{ admin: "403 TC086", operator: "201", service: "201" },
  });
  await db.query("delete from tocsin.alert_settings where true");
});

test("each actor reads the settings that they may see, as through the Data API", async () => {
  await db.query(`insert into tocsin.alert_settings (name, project_id) values
    ('everything', null), ('of a', 'a'), ('of b', 'b'), ('of none', '')`);
  const seen: Record<string, string[]> = {};
  for (const [name, token] of Object.entries(people)) {
    if (name === "anonymous") continue;
    const names = new Set<string>();
    for (const project of ["a", "b", ""]) {
      const answer = await call(`/alerts/settings/${project}`, token);
      const { settings } = await said(answer, 200, settingsDocument);
      for (const one of settings) names.add(one.name);
    }
    seen[name] = [...names].sort();
    const direct = await fetch(`${stack.apiUrl}/rest/v1/alert_settings?select=name`, {
      headers: {
        apikey: token.startsWith("sb_") ? token : stack.keys.publishable,
        authorization: `Bearer ${token}`,
        "accept-profile": "tocsin",
      },
    });
    const rows = z.array(z.object({ name: z.string() })).parse(await direct.json());
    assert.deepEqual(seen[name], rows.map((row) => row.name).sort(), `${name}: the Data API`);
  }
  const [ofA, all] = [["of a"], ["everything", "of a", "of b", "of none"]];
  const expected = { stranger: [], viewer: ofA, editor: ofA, admin: ofA, otherAdmin: ["of b"] };
  assert.deepEqual(seen, { ...expected, operator: all, service: all });
  await said(await call("/alerts/settings/a", people.anonymous), 401, errorDocument);
  await db.query("delete from tocsin.alert_settings where true");
});

test("a setting is made, read with what it inherits, changed, and not by two at once", async () => {
  await save({ name: "general", project_id: null, kind: "failure_rate" }, 201, people.operator);
  const made = await save({
    name: "imports",
    kind: "failure_rate",
    project_id: "a",
    workflow_id: "import/α",
    parameters: { threshold: 7.5 },
    replaces_general: true,
    channels: [{ channel_id: mail, after_interval: "10 minutes" }],
  });
  assert.deepEqual([made.level, made.parameters["threshold"]], ["workflow", 7.5]);

  const path = `/alerts/settings/a/${encodeURIComponent("import/α")}`;
  const first = await call(path, people.operator);
  const { settings } = await said(first.clone(), 200, settingsDocument);
  assert.deepEqual(
    settings.map((one) => [one.name, one.is_inherited, one.applies, one.replaced_by[0]?.name]),
    [
      ["imports", false, true, undefined],
      ["general", true, false, "imports"],
    ],
  );
  const known = { "if-none-match": first.headers.get("etag") ?? "" };
  assert.equal((await call(path, people.operator, undefined, known)).status, 304);

  const [read] = settings;
  assert.ok(read);
  const changed = await save({ ...read, throttle_limit: 4 }, 200);
  assert.equal(changed.throttle_limit, 4);
  assert.deepEqual(changed.channels, read.channels, "what was read can be sent back");
  assert.equal((await refused({ ...read, throttle_limit: 5 }, 409)).code, "TC088");
  assert.equal((await call(path, people.operator, undefined, known)).status, 200);
  const moved = await refused({ setting_id: made.setting_id, project_id: "b" }, 409);
  assert.equal(moved.code, "TC012");
  const viewed = await said(await call(path, people.viewer), 200, settingsDocument);
  assert.deepEqual(
    viewed.settings[0]?.channels,
    [{ ...read.channels[0], name: null, kind: null, is_enabled: null }].map(
      ({ channel_id, name }) => ({ channel_id, name }),
    ),
  );
  await db.query("delete from tocsin.alert_settings where true");
});

test("whatever cannot be saved is told by its field, and nothing of it is kept", async () => {
  const paths = async (body: object) =>
    (await refused({ name: "x", project_id: "a", ...body }, 400)).issues?.map((one) => one.path);
  assert.deepEqual(await paths({ kind: "Nonsense!", colour: 1 }), ["kind", "colour"]);
  assert.deepEqual(await paths({ kind: "nonsense" }), ["kind"]);
  assert.deepEqual(await paths({ severity: "terrible", throttle_window: "a while" }), [
    ...["severity", "throttle_window"],
  ]);
  assert.deepEqual(
    await paths({ kind: "failure_rate", parameters: { threshold: "5", window: "1 s", no: 1 } }),
    ["parameters.no", "parameters.threshold", "parameters.window"],
  );
  assert.deepEqual(await paths({ throttle_limit: 0 }), ["throttle_limit"]);
  assert.deepEqual(await paths({ throttle_limit: 1e15 }), ["throttle_limit"]);
  assert.deepEqual(await paths({ template: "{{nonsense}}" }), ["template"]);
  assert.deepEqual(await paths({ channels: [mail, randomUUID()] }), ["channels.1.channel_id"]);
  assert.deepEqual(await paths({ workflow_id: "w", project_id: "a\u0000" }), ["project_id"]);
  const odd = { kind: "run_failed", parameters: { nodes: ["a\0", "\ud800"], "k\0": 1 } };
  assert.deepEqual(await paths(odd), ["parameters.k\ufffd"]);
  assert.deepEqual(await paths({ for_duration: "infinity" }), ["for_duration"]);
  assert.deepEqual((await db.query("select from tocsin.alert_settings")).rowCount, 0);
});

test("only holders of the secret key trigger, and nobody else may call what is behind it", async () => {
  const nobody = "401 unauthorized";
  assert.deepEqual(await answersOf("/alerts/trigger", () => ({ title: "x" })), {
    ...{ anonymous: nobody, stranger: nobody, viewer: nobody, editor: nobody, admin: nobody },
    ...{ otherAdmin: nobody, operator: nobody, service: "202" },
  });
  for (const [name, token] of Object.entries(people)) {
    if (name === "service") continue;
    const answer = await fetch(`${stack.apiUrl}/rest/v1/rpc/trigger_alert`, {
      method: "POST",
      headers: {
        ...{ apikey: stack.keys.publishable, authorization: `Bearer ${token}` },
        ...{ "content-type": "application/json", "content-profile": "tocsin" },
      },
      body: JSON.stringify({ p_failure: { message: "x" } }),
    });
    assert.equal(answer.status, name === "anonymous" ? 401 : 403, name);
  }
});

test("what is triggered is stored, matched and admitted like any failure, and once", async () => {
  await save({ name: "failed", project_id: "a", channels: [mail] });
  await save({ name: "other type", project_id: "a", parameters: { error_types: ["auth"] } });
  const failure = {
    ...{ project_id: "a", workflow_id: "import", run_id: "run-7", severity: "high" },
    ...{ title: "Payments are down", message: "HTTP 502 from the provider" },
    ...{ metadata: { region: "eu", password: "hunter2" }, idempotency_key: "incident-7" },
  };
  const first = await said(
    await call("/alerts/trigger", people.service, failure),
    202,
    triggeredDocument,
  );
  const decisionsOf = async (token: string) => {
    const url = new URL(first.decisions, stack.functionsUrl);
    const answer = await fetch(url, { headers: { authorization: `Bearer ${token}` } });
    return (await said(answer, 200, decisionsDocument)).decisions;
  };
  assert.deepEqual(await decisionsOf(people.service), [], "until the heart beats");

  // again before and after, and at once
  const { idempotency_key: key, ...unnamed } = failure;
  const again = async () =>
    said(
      await call("/alerts/trigger", people.service, unnamed, { "idempotency-key": key }),
      202,
      triggeredDocument,
    );
  assert.deepEqual(await Promise.all([again(), again()]), [first, first]);
  await db.query("select from tocsin_internal.tick()");
  assert.deepEqual(await again(), first);
  await db.query("select from tocsin_internal.tick()");

  const [decision, ...more] = await decisionsOf(people.viewer);
  assert.deepEqual(more, []);
  assert.deepEqual([decision?.decision, decision?.setting_name], ["notified", "failed"]);
  assert.equal(decision?.severity, "high");
  assert.deepEqual(
    decision?.deliveries.map(({ channel_name }) => channel_name),
    ["mail"],
  );
  const seen: Partial<Record<Actor, number>> = {};
  for (const [name, token] of Object.entries(people)) {
    if (name !== "anonymous") seen[name as Actor] = (await decisionsOf(token)).length;
  }
  const [none, one] = [
    { stranger: 0, otherAdmin: 0 },
    { viewer: 1, editor: 1, admin: 1 },
  ];
  assert.deepEqual(seen, { ...none, ...one, operator: 1, service: 1 }, "members', and no others'");
  await said(await call(`/alerts/decisions/${first.event_id}`, "nonsense"), 401, errorDocument);

  const { rows } = await db.query(
    `select e.run_id, e.message, e.severity, e.metadata, n.content ->> 'title' as title
     from tocsin.error_metrics e
     join tocsin.alert_logs l on l.event_id = e.error_id
     join tocsin.notifications n using (notification_id) where e.error_id = $1`,
    [first.event_id],
  );
  const message = "Payments are down: HTTP 502 from the provider";
  assert.deepEqual(rows, [
    {
      ...{ run_id: "run-7", message, severity: "high" },
      metadata: { region: "eu", password: "[redacted:secret]" },
      title: `import failed: ${message}`,
    },
  ]);
  const other = await said(
    await call("/alerts/trigger", people.service, { ...failure, project_id: "b" }),
    202,
    triggeredDocument,
  );
  assert.notEqual(other.event_id, first.event_id, "in another project the key is another");
});

test("what was asked is counted beside the answers, and told to operators and scrapers", async () => {
  const deadline = Date.now() + 30_000;
  let counted: { of: string; value: number }[] = [];
  while (counted.length === 0 && Date.now() < deadline) {
    await new Promise((done) => setTimeout(done, 1_000));
    ({ rows: counted } = await db.query<{ of: string; value: number }>(
      `select of, value from tocsin.self_metrics
       where metric = 'api_requests_24h' and of = 'POST /alerts/trigger'`,
    ));
  }
  assert.ok((counted[0]?.value ?? 0) >= 1);
  const page = await call("/metrics", stack.keys.metricsToken);
  const lines = (await page.text()).split("\n");
  for (const start of [
    'tocsin_self_api_requests_24h{of="POST /alerts/trigger"} ',
    "tocsin_self_heart_age_seconds ",
    'tocsin_self_detection_latency_24h_seconds{of="p99"} ',
    'tocsin_self_configuration_changes_24h{of="alert_settings"} ',
  ]) {
    assert.ok(
      lines.some((line) => line.startsWith(start)),
      start,
    );
  }
});
