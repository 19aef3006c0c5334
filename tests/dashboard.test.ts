// The dashboard on the real stack: people sign in, a run fails and the page changes by itself, the
// error is found and resolved, the network goes and comes back.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { failRun, succeedRuns } from "../dev/demo-failures.ts";
import { peopleOf } from "../dev/test/people.ts";
import {
  eventually,
  figure,
  findBarriers,
  signIn,
  startDashboard,
  type Dashboard,
  type Theme,
} from "./support/dashboard.ts";
import { startRealtime } from "./support/realtime.ts";

const project = "7b6f0c1e-2f3a-4d55-9c1d-0a4b8f1c2d3e"; // Acme Shop
const failure = {
  workflow: "order-import",
  node: "fetch_orders",
  error: "HTTP 502 Bad Gateway from https://api.shop.example/v2/orders?page=3",
};

let dashboard: Dashboard;

before(async () => {
  dashboard = await startDashboard();
  await succeedRuns(dashboard.db, "order-import", 20);
  await succeedRuns(dashboard.db, "payment-webhook", 20);
});

after(async () => {
  await dashboard?.stop();
});

test("a run fails, and the overview changes by itself: who was told, what failed", async () => {
  const { page, complaints } = await dashboard.open();
  await signIn(page, dashboard.stack.operator);
  await eventually(
    () => figure(page, "Runs"),
    (runs) => Number(runs) >= 40,
  );
  await page.getByText("Nothing is broken").waitFor();
  await page.evaluate("window.isTheFirst = true");

  await failRun(dashboard.db, failure);
  await page.getByRole("link", { name: failure.error }).waitFor();
  await eventually(
    () => figure(page, "Failed"),
    (failed) => failed === "1",
  );
  const incident = page.getByRole("listitem").filter({ hasText: failure.error });
  await incident.getByText("order-import").waitFor();
  await incident.getByText("On-call inbox").waitFor();
  await incident.getByText("1 run", { exact: true }).waitFor();
  assert.equal(await page.evaluate("window.isTheFirst"), true, "the page was not loaded again");
  assert.deepEqual(complaints, []);
});

test("an error is found, looked into and resolved; the run says who was told", async () => {
  const { page, complaints } = await dashboard.open({ path: "/errors?q=bad+gateway" });
  await signIn(page, dashboard.stack.operator);
  await page.getByRole("link", { name: failure.error }).click();
  await page.getByRole("heading", { name: failure.error }).waitFor();
  await page.getByText("fetch_orders").first().waitFor();
  await page.getByRole("button", { name: "Who was told of this run?" }).click();
  const dialog = page.getByRole("dialog");
  await dialog
    .getByText(/Attempt 1 to "On-call inbox" \(email\): delivered/)
    .first()
    .waitFor();
  await page.keyboard.press("Escape");

  await page.getByRole("button", { name: "Resolve" }).click();
  await page.getByLabel("What mended it").fill("The shop's API is back.");
  await page.getByRole("dialog").getByRole("button", { name: "Resolve" }).click();
  await page.getByText("Resolved by you").waitFor();
  await page.getByText("The shop's API is back.").waitFor();

  await failRun(dashboard.db, failure);
  await page.getByText("Came back", { exact: true }).last().waitFor();
  await page.getByText("Open", { exact: true }).waitFor();
  assert.deepEqual(complaints, []);
});

test("the workflow page tells where it fails and which settings hear of it", async () => {
  const { page, complaints } = await dashboard.open();
  await signIn(page, dashboard.stack.operator);
  await page.getByLabel("Filter workflows").fill("order");
  await eventually(
    () => page.locator("table [data-row]").count(),
    (rows) => rows === 1,
  );
  assert.match(page.url(), /q=order/);
  await page.locator("table [data-row]").click();
  await page.getByRole("heading", { name: "order-import", level: 1 }).waitFor();
  await eventually(
    () => figure(page, "Failed"),
    (failed) => Number(failed) >= 1,
  );
  await page.getByText("Imports are slow").waitFor();
  await page.getByRole("button", { name: failure.error }).first().click();
  await page.getByRole("link", { name: "Open the run" }).waitFor();
  assert.deepEqual(complaints, []);
});

test("what is chosen stands in the address, and survives signing in", async () => {
  const { page } = await dashboard.open({
    path: `/errors?range=7d&project=${project}&sort=run_count`,
  });
  await signIn(page, dashboard.stack.operator);
  await page.getByRole("button", { name: "Range of time: Last 7 days" }).waitFor();
  assert.equal(await page.getByLabel("Project").inputValue(), project);
  assert.equal(await page.getByLabel("Sort").inputValue(), "run_count");
  await page.getByRole("button", { name: "Range of time" }).click();
  await page.getByRole("button", { name: "Last 30 days" }).click();
  await eventually(
    () => Promise.resolve(page.url()),
    (url) => url.includes("range=30d"),
  );
  await page.getByRole("link", { name: "Overview" }).click();
  await page.getByRole("heading", { name: "Overview", level: 1 }).waitFor();
  assert.match(page.url(), /range=30d/);
  await page.goBack();
  await page.getByRole("heading", { name: "Errors", level: 1 }).waitFor();
});

test("everything is reached by keyboard", async () => {
  const { page } = await dashboard.open();
  await signIn(page, dashboard.stack.operator);
  await page.keyboard.press("g");
  await page.keyboard.press("e");
  await page.getByRole("heading", { name: "Errors", level: 1 }).waitFor();
  await page.getByRole("link", { name: failure.error }).waitFor();
  await page.keyboard.press("j");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: failure.error }).waitFor();
  await page.keyboard.press("g");
  await page.keyboard.press("o");
  await page.getByLabel("Filter workflows").waitFor();
  await page.keyboard.press("/");
  await page.keyboard.type("pay");
  await eventually(
    () => page.locator("table [data-row]").count(),
    (rows) => rows === 1,
  );
  await page.keyboard.press("Escape");
  await page.keyboard.press("?");
  await page.getByRole("dialog", { name: "Keyboard" }).waitFor();
});

test("a viewer sees their project and changes nothing; a stranger sees nothing", async () => {
  const people = peopleOf(dashboard.stack, dashboard.db);
  await people.signUp(project, "viewer");
  await people.signUp();

  const viewer = await dashboard.open();
  await signIn(viewer.page, { email: "user-1@example.com", password: "a-good-password" });
  await viewer.page.getByText("Acme Shop").first().waitFor();
  await viewer.page.locator("table").getByText("order-import").waitFor();
  assert.equal(await viewer.page.getByText("payment-webhook").count(), 0);
  await viewer.page.getByRole("link", { name: failure.error }).click();
  await viewer.page.getByRole("heading", { name: failure.error }).waitFor();
  await viewer.page.getByText("Error 1 of the newest").waitFor();
  assert.equal(await viewer.page.getByRole("button", { name: "Resolve" }).count(), 0);
  assert.deepEqual(viewer.complaints, []);
  const path = new URL(viewer.page.url()).pathname;

  const stranger = await dashboard.open({ path });
  await signIn(stranger.page, { email: "user-2@example.com", password: "a-good-password" });
  await stranger.page.getByText("a member of no project").waitFor();
  await stranger.page.getByText("insert into tocsin.project_members").waitFor();
  assert.equal(await stranger.page.getByText("Bad Gateway").count(), 0);
  assert.deepEqual(stranger.complaints, []);
});

test("a wrong password is refused with what to do; signing out forgets", async () => {
  const { page } = await dashboard.open();
  await page.getByLabel("Email").fill("demo@tocsin.local");
  await page.getByLabel("Password").fill("wrong");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByText("do not fit together").waitFor();
  await signIn(page, dashboard.stack.operator);
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByRole("heading", { name: "Sign in to Tocsin" }).waitFor();
  await page.reload();
  await page.getByRole("heading", { name: "Sign in to Tocsin" }).waitFor();
});

test("offline, it says how old the figures are; back again, it catches up by itself", async () => {
  const { page, context } = await dashboard.open();
  await signIn(page, dashboard.stack.operator);
  const runs = Number(
    await eventually(
      () => figure(page, "Runs"),
      (shown) => shown !== "–",
    ),
  );
  await context.setOffline(true);
  await page.getByText(/Offline, figures of/).waitFor();
  assert.equal(Number(await figure(page, "Runs")), runs, "what was there stays");
  await succeedRuns(dashboard.db, "crm-sync", 3);
  await context.setOffline(false);
  await eventually(
    () => figure(page, "Runs"),
    (shown) => Number(shown) === runs + 3,
  );
  await eventually(
    () => page.getByText(/Offline/).count(),
    (count) => count === 0,
  );
});

test("with Realtime, hints are enough: no asking, and at once after the heart", async () => {
  const realtime = await startRealtime(dashboard.stack);
  try {
    const { page, complaints } = await dashboard.open({ prepare: realtime.serve });
    await signIn(page, dashboard.stack.operator);
    await eventually(
      () => Promise.resolve([...realtime.joined.keys()]),
      (topics) =>
        topics.includes(`realtime:tocsin:project:${project}`) &&
        topics.includes("realtime:tocsin:operators"),
    );
    assert.match([...realtime.joined.values()][0] ?? "", /^ey/, "private topics want the session");
    const runs = Number(
      await eventually(
        () => figure(page, "Runs"),
        (shown) => shown !== "–",
      ),
    );

    // Asked for by itself, it would be within five seconds.
    let asked = 0;
    page.on("request", (request) => {
      if (/rpc\/(dashboard_workflows|run_metrics_history)/.test(request.url())) asked += 1;
    });
    // what ran before this test may still be hinted at: a quiet time comes, and then nobody asks
    let isQuiet = false;
    for (let tries = 0; tries < 5 && !isQuiet; tries++) {
      asked = realtime.hints.length = 0;
      await page.waitForTimeout(6_000);
      isQuiet = !realtime.hints.some(({ event }) => event === "runs");
    }
    assert.ok(isQuiet, "while no run ends, nothing is hinted at");
    assert.equal(asked, 0, "while no run ends, nobody asks for runs");

    realtime.hints.length = 0;
    await succeedRuns(dashboard.db, "crm-sync", 2);
    await eventually(
      () => figure(page, "Runs"),
      (shown) => Number(shown) === runs + 2,
    );
    const hint = realtime.hints.find(({ event }) => event === "runs");
    const behind = Date.now() - (hint?.at ?? 0);
    console.log(`# on screen ${behind} ms after the hint`);
    assert.ok(behind <= 1_000, `${behind} ms after the hint`);

    // An alert is there as soon as it fires; its setting keeps it for a quarter of an hour.
    await dashboard.db.query(
      `insert into tocsin.alerts (setting_id, setting_name, kind, project_id, severity, state, title,
         pending_since, fired_at, judged_at)
       select setting_id, name, kind, $1, 'high', 'firing', 'A drill', now(), now(), now()
       from tocsin.alert_settings where name = 'Twelve failures in a quarter of an hour'`,
      [project],
    );
    await page.getByRole("link", { name: "A drill" }).waitFor({ timeout: 5_000 });

    // What happened while it was cut off is asked for when it is back.
    await realtime.cut();
    await succeedRuns(dashboard.db, "crm-sync", 2);
    await eventually(
      () => figure(page, "Runs"),
      (shown) => Number(shown) === runs + 4,
      30_000,
    );
    assert.deepEqual(complaints, []);
  } finally {
    await realtime.stop();
  }
});

const pages = [
  { name: "overview", path: "/", isThere: "Workflows" },
  { name: "errors", path: "/errors", isThere: "Errors over time" },
  { name: "nothing found", path: "/no-such-page", isThere: "There is no such page" },
];

for (const theme of ["light", "dark"] satisfies Theme[]) {
  test(`axe finds nothing on any page, ${theme}`, async () => {
    const { page, complaints } = await dashboard.open({ theme });
    await page.getByLabel("Password").waitFor();
    assert.deepEqual(await findBarriers(page), [], "signing in");
    await signIn(page, dashboard.stack.operator);
    for (const { name, path, isThere } of pages) {
      await page.goto(dashboard.url + path);
      await page.getByText(isThere).first().waitFor();
      await page.waitForLoadState("networkidle");
      assert.deepEqual(await findBarriers(page), [], name);
    }
    await page.goto(`${dashboard.url}/errors?status=all`);
    await page.getByRole("link", { name: failure.error }).click();
    await page.getByText("Error 1 of the newest").waitFor();
    assert.deepEqual(await findBarriers(page), [], "error");
    await page.getByRole("button", { name: "Ignore" }).click();
    await page.getByRole("dialog").waitFor();
    assert.deepEqual(await findBarriers(page), [], "a dialog");
    await page.keyboard.press("Escape");
    await page.locator("a", { hasText: "order-import" }).first().click();
    await page.getByText("Latest failures").waitFor();
    await page.getByText("Imports are slow").waitFor();
    assert.deepEqual(await findBarriers(page), [], "workflow");
    assert.deepEqual(complaints, []);
  });
}

test("on a phone nothing is wider than the screen", async () => {
  const { page } = await dashboard.open({ width: 375 });
  await signIn(page, dashboard.stack.operator);
  for (const path of ["/", "/errors"]) {
    await page.goto(dashboard.url + path);
    await page.locator("[data-row]").first().waitFor();
    const width = await page.evaluate("document.documentElement.scrollWidth");
    assert.ok(Number(width) <= 375, `${path} is ${String(width)} px wide`);
  }
});
