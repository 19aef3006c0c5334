// The dashboard's settings on the real stack: a setting is tried on the past, saved, and fires; it is
// acknowledged and resolved; a channel is tested; nights are quiet; viewers change nothing.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Page } from "playwright-core";
import { failRun, succeedRuns } from "../dev/demo-failures.ts";
import { peopleOf } from "../dev/test/people.ts";
import {
  eventually,
  figure,
  findBarriers,
  signIn,
  startDashboard,
  type Dashboard,
  type Tab,
  type Theme,
} from "./support/dashboard.ts";

const project = "7b6f0c1e-2f3a-4d55-9c1d-0a4b8f1c2d3e"; // Acme Shop
const failure = {
  workflow: "order-import",
  node: "fetch_orders",
  error: "HTTP 502 Bad Gateway from https://api.shop.example/v2/orders?page=3",
};
const name = "Orders fail";
const ofShop = "The shop fails often";

let dashboard: Dashboard;
let failed: string;

before(async () => {
  dashboard = await startDashboard();
  await succeedRuns(dashboard.db, "order-import", 20);
  failed = await failRun(dashboard.db, failure);
  await dashboard.stack.inbox.waitFor(({ text }) => text.includes(failed), 30_000);
  for (let count = 0; count < 4; count++) await failRun(dashboard.db, failure);
  // and an hour ago, for backtests: they look at minutes that are over
  await dashboard.db.query(
    `insert into public.workflow_runs (project_id, workflow_id, status, started_at, finished_at)
     select project_id, id, 'failed', now() - interval '61 minutes', now() - interval '1 hour'
     from public.workflow_definitions cross join generate_series(1, 5) where slug = $1`,
    [failure.workflow],
  );
  await dashboard.db.query("select * from tocsin_internal.tick()");
  await dashboard.db.query(
    "insert into tocsin.alert_settings (name, kind, project_id) values ($1, 'failure_rate', $2)",
    [ofShop, project],
  );
});

after(async () => {
  await dashboard?.stop();
});

/**
 * The heart, at a time of the test's own, until something holds: the stack's own heart may be at
 * work just then, and each stage lets only one in.
 */
async function judge(minutesAhead: number, until: string): Promise<void> {
  await eventually(
    async () => {
      await dashboard.db.query(
        `select tocsin_internal.tick(date_trunc('minute', clock_timestamp())
           + make_interval(mins => $1, secs => 40))`,
        [minutesAhead],
      );
      const { rows } = await dashboard.db.query<{ holds: boolean }>(
        `select exists (select from tocsin.alerts a
           join tocsin.alert_settings s using (setting_id) where s.name = $1 and ${until}) as holds`,
        [name],
      );
      return rows[0]?.holds;
    },
    (holds) => holds === true,
    60_000,
  );
}

async function open(path: string, theme: Theme = "light"): Promise<Tab> {
  const tab = await dashboard.open({ path, theme });
  tab.page.setDefaultTimeout(15_000);
  return tab;
}

/** A request that is refused is an answer, which the browser notes all the same. */
function unexpected(complaints: string[]): string[] {
  return complaints.filter((complaint) => !complaint.startsWith("Failed to load resource"));
}

async function isOn(page: Page, path: string): Promise<void> {
  await page.goto(dashboard.url + path);
}

test("a setting is tried on the past, saved, and fires", async () => {
  const { page, complaints } = await open("/settings/new");
  await signIn(page, dashboard.stack.operator);
  await page.getByRole("button", { name: /^Failures So many/ }).click();
  await page.getByLabel("Name", { exact: true }).fill(name);
  await page.getByRole("button", { name: "One workflow" }).click();
  await page.getByLabel("Project", { exact: true }).last().selectOption({ label: "Acme Shop" });
  await page.getByLabel("Workflow", { exact: true }).selectOption({ label: "order-import" });
  await page.getByLabel("Limit", { exact: true }).fill("3");
  await page.getByRole("button", { name: "1 day" }).click();

  const backtest = page.getByTestId("backtest");
  await backtest.getByText("99 of 100 times").waitFor();
  await eventually(
    () => figure(page, "Alerts"),
    (alerts) => Number(alerts) > 0,
  );
  await backtest.getByText(/^[12] alerts?$/).click();
  await backtest
    .getByText(/failures of order-import/)
    .first()
    .waitFor();
  await page.getByLabel("Limit", { exact: true }).fill("300");
  await eventually(
    () => figure(page, "Alerts"),
    (alerts) => alerts === "0",
  );

  // What cannot be is said at the field, and nothing is saved.
  await page.getByLabel("Limit", { exact: true }).fill("0");
  await page.getByText("It is between 1 and 1000000000.").waitFor();
  await page.getByLabel("Limit", { exact: true }).fill("3");
  await page.getByRole("checkbox", { name: /Shop team/ }).check();
  await page.getByRole("button", { name: "Save the setting" }).click();
  await page.getByRole("heading", { name, level: 1 }).waitFor();
  await page.getByText("Saved.").waitFor();
  assert.match(page.url(), /settings\/[0-9a-f-]{36}/);
  await judge(1, "a.state = 'firing'");
  await isOn(page, "/alerts");
  await page.getByRole("link", { name: /failures of order-import/ }).waitFor();
  assert.deepEqual(unexpected(complaints), []);
});

test("an alert is acknowledged, silenced and resolved; its story tells whom it reached", async () => {
  const { page, complaints } = await open("/alerts");
  await signIn(page, dashboard.stack.operator);
  await page.getByRole("link", { name: /failures of order-import/ }).click();
  await page.getByText("Fired", { exact: true }).waitFor();
  // What waited for more is told, and sent now.
  await judge(
    2,
    `exists (select from tocsin.alert_logs l join tocsin.deliveries d using (notification_id)
       where l.alert_id = a.alert_id)`,
  );
  await dashboard.db.query(
    "update tocsin.deliveries set next_attempt_at = clock_timestamp() where state = 'pending'",
  );
  await eventually(
    () => page.getByText("Shop team").count(),
    (count) => count > 0,
    60_000,
  );
  await page
    .getByText(/answered 200/)
    .first()
    .waitFor();

  await page.getByRole("button", { name: "Acknowledge" }).click();
  await page.getByLabel("Note").fill("The shop's API is down; they know.");
  await page.getByRole("dialog").getByRole("button", { name: "Acknowledge" }).click();
  await page.getByText("Acknowledged by you").waitFor();
  await page.getByText("The shop's API is down; they know.").waitFor();
  assert.equal(await page.getByRole("button", { name: "Acknowledge" }).count(), 0);

  await page.getByRole("button", { name: "Silence" }).click();
  await page.getByLabel("Why").fill("moving the shop");
  await page.getByRole("dialog").getByRole("button", { name: "30 minutes" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Silence" }).click();
  await page.getByText("Silenced.").waitFor();

  await judge(20, "a.state = 'resolved'");
  await page.getByText("Resolved", { exact: true }).first().waitFor();
  await page.getByText("Silenced: that it is over").waitFor();
  await isOn(page, "/settings/silences");
  await page.getByText("moving the shop").waitFor();
  await page.getByRole("button", { name: "End now" }).click();
  await page.getByRole("button", { name: "End it" }).click();
  await page.getByRole("heading", { name: "Over" }).waitFor();
  assert.deepEqual(complaints, []);
});

test("why somebody was not told of a run is a story", async () => {
  const { page, complaints } = await open("/alerts");
  await signIn(page, dashboard.stack.operator);
  await page.getByLabel("Why was I not told of the run").fill(failed);
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: /^Somebody was told/ }).waitFor();
  await page.getByText("A setting decided: Every failed run").waitFor();
  await page
    .getByText(/delivered, answered 200/)
    .first()
    .waitFor();
  await page.getByLabel("Run ID").fill("no-such-run");
  await page.keyboard.press("Enter");
  await page.getByText("Nothing is known of this run").waitFor();
  assert.deepEqual(complaints, []);
});

test("a channel is made, tested and its secret rotated; a bad address is refused in words", async () => {
  const { page, complaints } = await open("/settings/channels");
  await signIn(page, dashboard.stack.operator);
  await page.getByRole("button", { name: "New channel" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Name").fill("Pager");
  await dialog.getByRole("button", { name: "Webhook" }).click();
  await dialog.getByLabel("Address").fill("not an address");
  await dialog.getByRole("button", { name: "Save" }).click();
  await dialog.getByText("a channel that posts has an http url").waitFor();
  await dialog.getByLabel("Address").fill(`${dashboard.stack.receiver.url}/hooks/pager`);
  await dialog.getByRole("button", { name: "Save" }).click();
  await page.getByRole("heading", { name: "Pager" }).waitFor();

  const card = page.getByRole("region", { name: "Pager" });
  await card.getByRole("button", { name: "Send a test" }).click();
  await card.getByText("Delivered").waitFor();
  await card.getByText("Arrived, answered 200").waitFor();
  const sent = await dashboard.stack.receiver.waitFor(({ body }) => body.includes("Pager"), 10_000);
  assert.equal(sent.verified, true, sent.reason ?? "");

  await card.getByRole("button", { name: "Secret" }).click();
  await page.getByRole("button", { name: "Show it" }).click();
  const secret = page.getByRole("region", { name: "Signing secret" });
  const first = await secret.textContent();
  assert.match(first ?? "", /^whsec_/);
  await page.getByRole("button", { name: "Make a new one" }).click();
  await eventually(
    () => secret.textContent(),
    (second) => second !== first,
  );
  await page.keyboard.press("Escape");
  await card.getByRole("button", { name: "Secret" }).click();
  await page.getByRole("button", { name: "Show it" }).waitFor();
  assert.equal(await secret.count(), 0, "closed, it is forgotten");
  assert.deepEqual(unexpected(complaints), []);
});

test("nights are quiet, drawn on a week; the change is in the audit", async () => {
  const { page, complaints } = await open("/settings/quiet");
  await signIn(page, dashboard.stack.operator);
  await page.getByRole("button", { name: "New quiet period" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Name").fill("Weekends");
  await dialog.getByLabel("Project").selectOption({ label: "Acme Shop" });
  for (const day of ["Mon", "Tue", "Wed", "Thu", "Fri"]) {
    await dialog.getByRole("button", { name: day }).click();
  }
  await dialog.getByLabel("From").fill("00:00");
  await dialog.getByLabel("To", { exact: true }).fill("00:00");
  await dialog.getByText("A whole day.").waitFor();
  await dialog.getByLabel("Time zone").fill("Europe/Vienna");
  await dialog.getByRole("button", { name: "Save" }).click();
  const card = page.getByRole("region", { name: "Europe/Vienna" });
  await card.getByText("all settings of Acme Shop").waitFor();
  assert.equal(await card.locator("[title=Weekends]").count(), 2, "Saturday and Sunday");
  const { rows } = await dashboard.db.query<{ days: number[]; time_zone: string }>(
    "select days, time_zone from tocsin.quiet_periods where name = 'Weekends'",
  );
  assert.deepEqual(rows, [{ days: [6, 7], time_zone: "Europe/Vienna" }]);

  await isOn(page, "/settings/changes?record=quiet_periods");
  await page.getByText("Weekends").first().click();
  await page.getByText("Europe/Vienna").first().waitFor();
  await page.getByText("made by you").waitFor();
  assert.deepEqual(complaints, []);
});

test("a dead letter is looked into and put back", async () => {
  await dashboard.db.query("select pgmq.create('orders'), pgmq.create('orders_dlq')");
  await dashboard.db.query(
    `select tocsin.watch_queue('orders', p_options => '{"dead_letter_queue": "orders_dlq"}'),
       pgmq.send('orders_dlq', '{"order": 17, "password": "hunter2"}'),
       pgmq.send('orders_dlq', '{"order": 18}')`,
  );
  const { page, complaints } = await open("/queues?q=orders");
  await signIn(page, dashboard.stack.operator);
  await page.getByRole("link", { name: "orders", exact: true }).click();
  await page
    .getByRole("button", { name: /^Inspect message/ })
    .last()
    .click();
  const message = page.getByRole("dialog").getByRole("region", { name: "The message" });
  await message.getByText('"order": 17').waitFor();
  assert.doesNotMatch((await message.textContent()) ?? "", /hunter2/);
  await page.keyboard.press("Escape");
  await page
    .getByLabel(/^Message \d/)
    .last()
    .check();
  await page.getByRole("button", { name: "Replay 1" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Replay" }).click();
  await page.getByText("They are in the queue again.").waitFor();
  await eventually(
    () => page.getByLabel(/^Message \d/).count(),
    (letters) => letters === 1,
  );
  await page
    .getByLabel(/^Message \d/)
    .last()
    .check();
  await page.getByRole("button", { name: "Drop 1" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Drop" }).click();
  await page.getByText("No dead letters").waitFor();
  const { rows } = await dashboard.db.query("select message ->> 'order' as o from pgmq.q_orders");
  assert.deepEqual(rows, [{ o: "17" }]);
  assert.deepEqual(complaints, []);
});

test("a viewer sees and changes nothing; an editor changes their project's", async () => {
  const people = peopleOf(dashboard.stack, dashboard.db);
  await people.signUp(project, "viewer");
  await people.signUp(project, "editor");
  const viewer = await open("/settings");
  await signIn(viewer.page, { email: "user-1@example.com", password: "a-good-password" });
  await viewer.page.getByRole("link", { name: ofShop }).click();
  await viewer.page.getByText("editors of its project change it").waitFor();
  assert.equal(await viewer.page.getByLabel("Limit", { exact: true }).isDisabled(), true);
  assert.equal(await viewer.page.getByRole("button", { name: "Save" }).count(), 0);
  assert.equal(await viewer.page.getByText("Every failed run").count(), 0, "the operators' own");
  await isOn(viewer.page, "/settings/channels");
  await viewer.page.getByText("Channels are for editors").waitFor();
  for (const path of ["/settings/quiet", "/settings/silences", "/settings/members"]) {
    await isOn(viewer.page, path);
    await viewer.page.getByRole("heading", { level: 1 }).waitFor();
    await viewer.page.waitForLoadState("networkidle");
    assert.equal(await viewer.page.getByRole("main").getByRole("button").count(), 0, path);
  }
  assert.deepEqual(viewer.complaints, []);

  const editor = await open("/settings");
  await signIn(editor.page, { email: "user-2@example.com", password: "a-good-password" });
  await editor.page.getByRole("switch", { name: `${ofShop}: on` }).click();
  await editor.page.getByText(`"${ofShop}" is off.`).waitFor();
  assert.deepEqual(editor.complaints, []);
});

const pages = [
  { path: "/alerts", isThere: "Firing now" },
  { path: "/alerts?view=past", isThere: "Firing now" },
  { path: "/alerts/why", isThere: "Ask about a run" },
  { path: "/settings", isThere: "Each failure, as it happens" },
  { path: "/settings/new", isThere: "What do you want to hear of?" },
  { path: "/settings/new?kind=failure_rate", isThere: "Night is 22:00" },
  { path: "/settings/new?kind=slo_burn", isThere: "Night is 22:00" },
  { path: "/settings/bbbbbbbb-0000-4000-8000-000000000001", isThere: "Night is 22:00" },
  { path: "/settings/channels", isThere: "On-call inbox" },
  { path: "/settings/quiet", isThere: "Quiet hours" },
  { path: "/settings/silences", isThere: "Silences" },
  { path: "/settings/members", isThere: "Operators" },
  { path: "/settings/changes", isThere: "Alert setting" },
  { path: "/health", isThere: "What is well" },
  { path: "/queues", isThere: "tocsin_deliveries" },
  { path: "/queues/tocsin_deliveries", isThere: "Dead letters" },
  { path: "/cron", isThere: "tocsin-upkeep" },
];

for (const theme of ["light", "dark"] satisfies Theme[]) {
  test(`axe finds nothing on the pages of settings, ${theme}; nor is one too wide`, async () => {
    const { page, complaints } = await open("/", theme);
    await signIn(page, dashboard.stack.operator);
    const found: string[] = [];
    for (const { path, isThere } of pages) {
      await isOn(page, path);
      await page.getByText(isThere).first().waitFor();
      await page.waitForLoadState("networkidle");
      for (const barrier of await findBarriers(page)) found.push(`${path}: ${barrier}`);
      await page.setViewportSize({ width: 375, height: 800 });
      const width = await page.evaluate("document.documentElement.scrollWidth");
      if (Number(width) > 375) found.push(`${path}: ${String(width)} px wide on a phone`);
      await page.setViewportSize({ width: 1280, height: 900 });
    }
    for (const [path, button] of [
      ["/settings/channels", "New channel"],
      ["/settings/quiet", "New quiet period"],
      ["/settings/silences", "Silence"],
    ] as const) {
      await isOn(page, path);
      await page.getByRole("main").getByRole("button", { name: button, exact: true }).click();
      await page.getByRole("dialog").waitFor();
      for (const barrier of await findBarriers(page)) found.push(`${path}, ${button}: ${barrier}`);
    }
    assert.deepEqual(found, []);
    assert.deepEqual(complaints, []);
  });
}
