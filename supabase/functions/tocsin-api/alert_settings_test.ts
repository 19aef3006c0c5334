import assert from "node:assert/strict";
import { createHandler } from "./handler.ts";
import { ask, fakeDb, settingRow, testDeps } from "./testing/fixtures.ts";

const id = "00000000-0000-4000-8000-000000000001";
const channelId = "00000000-0000-4000-8000-0000000000c1";

function api(answers: Record<string, unknown> = {}) {
  const db = fakeDb({
    save_alert_setting: { status: 201, setting: settingRow() },
    read_alert_settings: { settings: [], more_specific: [] },
    ...answers,
  });
  const handle = createHandler(testDeps(db));
  const post = async (body: unknown, token = "a.users.token") => {
    const text = typeof body === "string" ? body : JSON.stringify(body);
    const answer = await handle(ask("/alerts/settings", { method: "POST", body: text, token }));
    return { status: answer.status, body: await answer.json() };
  };
  const paths = async (body: unknown) => {
    const answer = await post(body);
    assert.equal(answer.status, 400);
    assert.deepEqual(db.calls, [], "the database is not asked");
    return answer.body.error.issues.map((issue: { path: string }) => issue.path);
  };
  return { db, handle, post, paths };
}

Deno.test(
  "a setting is saved in the caller's own name, with what was given and no more",
  async () => {
    const { db, post } = api();
    const given = { name: "Imports", kind: "failure_rate", project_id: "shop", group_wait: null };
    const { status, body } = await post({ ...given, channels: [channelId] });
    assert.equal(status, 201);
    assert.equal(body.setting.updated_at, settingRow().updated_at, "to the microsecond");
    assert.deepEqual(db.calls, [
      {
        caller: { kind: "user", token: "a.users.token" },
        name: "save_alert_setting",
        args: { p_setting: { ...given, channels: [{ channel_id: channelId }] } },
      },
    ]);
  },
);

Deno.test(
  "what an answer says can be sent back, and of it only what people set counts",
  async () => {
    const { db, post } = api({ save_alert_setting: { status: 200, setting: settingRow() } });
    const read = { ...settingRow(), is_inherited: true, replaced_by: [], applies: false };
    const { status, body } = await post(read);
    assert.equal(status, 200);
    const { level, created_at, channels, ...rest } = settingRow();
    assert.deepEqual(db.calls[0]?.args, {
      p_setting: { ...rest, channels: [{ channel_id: channelId, after_interval: "00:15:00" }] },
    });
    assert.deepEqual(
      [body.setting.level, body.setting.created_at, body.setting.channels],
      [level, created_at, channels],
    );
  },
);

Deno.test("every field that has no shape is named at once", async () => {
  const { paths } = api();
  const wrong = {
    ...{ setting_id: "1", name: " ", kind: "Run Failed", project_id: 7, workflow_id: "w\0" },
    ...{ parameters: [], severity: 3, replaces_general: "yes", evaluation_interval: 60 },
    ...{ throttle_limit: 1.5, throttle_window: "'; drop", is_enabled: null, updated_at: "today" },
    ...{ channels: [channelId, { channel_id: "x", after_interval: 5, colour: 1 }], colour: "red" },
  };
  assert.deepEqual((await paths(wrong)).sort(), [
    ...["channels.1.after_interval", "channels.1.channel_id", "channels.1.colour", "colour"],
    ...["evaluation_interval", "is_enabled", "kind", "name", "parameters", "project_id"],
    ...["replaces_general", "setting_id", "severity", "throttle_limit", "throttle_window"],
    ...["updated_at", "workflow_id"],
  ]);
  assert.deepEqual(await paths([]), [""]);
  assert.deepEqual(await paths({ channels: Array(51).fill(channelId) }), ["channels"]);
});

Deno.test(
  "what Postgres has no place for is replaced in parameters, and cut where too deep",
  async () => {
    const { db, post } = api();
    let deep: unknown = "the end";
    for (let level = 0; level < 1_000; level++) deep = [deep];
    const parameters = { nodes: ["a\0b", "\ud800"], "k\0": 1, deep };
    assert.equal((await post({ name: "\udfff x", parameters })).status, 201);
    const told = JSON.stringify(db.calls[0]?.args);
    assert.match(told, /"name":"\ufffd x".*\["a\ufffdb","\ufffd"\],"k\ufffd":1/);
    assert.match(told, /\[cut: too deep\]/);
    assert.doesNotMatch(told, /the end|\\u0000|\\ud800/);
  },
);

Deno.test("what the database refuses is answered with its status, code and fields", async () => {
  for (const status of [400, 403, 404, 409]) {
    const error = { code: "TC085", message: "No.", issues: [{ path: "kind", message: "One." }] };
    const { post } = api({ save_alert_setting: { status, error } });
    assert.deepEqual(await post({ name: "x" }), { status, body: { error } });
  }
});

Deno.test(
  "no body, a long one and no JSON are told as such; nobody is let in without a token",
  async () => {
    const { db, post } = api();
    assert.equal((await post("")).body.error.code, "body_is_empty");
    assert.equal((await post("{")).body.error.code, "body_is_not_json");
    assert.equal((await post({ name: "x".repeat(70_000) })).status, 413);
    assert.equal((await post({ name: "x" }, "sb_publishable_x")).status, 401);
    assert.deepEqual(db.calls, []);
  },
);

Deno.test("settings are read for a project, for what has none, and for a workflow", async () => {
  const { db, handle } = api();
  const read = async (path: string) =>
    await (await handle(ask(`/alerts/settings/${path}`, { token: "a.b.c" }))).json();
  const empty = { settings: [], more_specific: [] };
  assert.deepEqual(await read("shop"), { project_id: "shop", workflow_id: null, ...empty });
  assert.deepEqual(await read(""), { project_id: "", workflow_id: null, ...empty });
  assert.deepEqual(await read("shop/a%2Fb"), {
    project_id: "shop",
    workflow_id: "a/b",
    settings: [],
  });
  assert.deepEqual(await read(`${"x".repeat(201)}`), {
    project_id: "x".repeat(201),
    workflow_id: null,
    ...empty,
  });
  assert.deepEqual(
    db.calls.map(({ args }) => [args["p_project_id"], args["p_workflow_id"]]),
    [
      ["shop", null],
      ["", null],
      ["shop", "a/b"],
    ],
  );
});

Deno.test(
  "what was read before is not sent again, and a parameter that is not there is told",
  async () => {
    const settings = [{ ...settingRow(), is_inherited: false, replaced_by: [], applies: true }];
    const { handle } = api({ read_alert_settings: { settings, more_specific: [] } });
    const first = await handle(ask("/alerts/settings/shop", { token: "a.b.c" }));
    assert.equal((await first.json()).settings[0].setting_id, id);
    const headers = { "if-none-match": first.headers.get("etag") ?? "" };
    const again = await handle(ask("/alerts/settings/shop", { token: "a.b.c", headers }));
    assert.deepEqual([again.status, await again.text()], [304, ""]);
    const wrong = await handle(ask("/alerts/settings/shop?kind=x", { token: "a.b.c" }));
    assert.equal(wrong.status, 400);
  },
);
