// The pictures of the dashboard: every page in both themes, and on a phone, while something fails.

import type pg from "pg";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { failRun, succeedRuns } from "./demo-failures.ts";
import type { Stack } from "./stack.ts";

/** Takes what is on the page, all of it. */
type Take = (page: Page, name: string) => Promise<void>;

const storm = {
  workflow: "order-import",
  node: "fetch_orders",
  error: "HTTP 502 Bad Gateway from https://api.shop.example/v2/orders?page=3",
};
const project = "7b6f0c1e-2f3a-4d55-9c1d-0a4b8f1c2d3e"; // Acme Shop
const patience = 180_000;

const stackTrace = `TypeError: Cannot read properties of undefined (reading 'currency')
    at formatPrice (webpack:///./src/cart/price.ts:41:27)
    at CartLine (webpack:///./src/cart/CartLine.svelte:18:9)
    at render (webpack:///./src/cart/Cart.svelte:66:5)
    at checkout (webpack:///./src/routes/checkout/+page.svelte:120:11)`;

/** Each with what is there when it can be taken. */
const pages: { name: string; path: string; isThere: string; open?: string }[] = [
  { name: "overview", path: "/", isThere: "Workflows" },
  { name: "workflow", path: "/?q=order", isThere: "Latest failures", open: "order-import" },
  { name: "errors", path: "/errors", isThere: "Errors over time" },
  { name: "error", path: "/errors?q=currency", isThere: "Stack", open: "Cannot read properties" },
  { name: "alerts", path: "/alerts", isThere: "Firing now" },
  { name: "queues", path: "/queues", isThere: "workflow_jobs" },
  { name: "cron", path: "/cron", isThere: "nightly-cleanup" },
  { name: "settings", path: "/settings", isThere: "New setting" },
  { name: "channels", path: "/settings/channels", isThere: "On-call inbox" },
  { name: "health", path: "/health", isThere: "Health of Tocsin" },
];

/** Fails until an alert fires, so that there is something to see. */
export async function breakSomething(db: pg.Client): Promise<void> {
  const began = new Date();
  await succeedRuns(db, "order-import", 30);
  for (let count = 0; count < 16; count++) await failRun(db, storm);
  for (let user = 1; user <= 7; user++) {
    await db.query(
      `select tocsin.report_error('execution', $1, p_source => 'webhook', p_project_id => $2,
         p_user_id => $3, p_stack => $4, p_component => 'storefront', p_release => '2026.11.3',
         p_metadata => '{"cart": {"lines": 3}, "browser": "Firefox 142", "token": "demo-0123456789"}')`,
      [stackTrace.split("\n")[0]?.slice(11), project, `user-${user % 5}`, stackTrace],
    );
  }
  const end = Date.now() + patience;
  const isFiring = async (): Promise<boolean> => {
    const { rows } = await db.query(
      `select from tocsin.alerts a join tocsin.alert_logs l using (alert_id)
       join tocsin.deliveries d using (notification_id)
       where a.state = 'firing' and d.state = 'delivered' and a.fired_at > $1
         and exists (select from tocsin.queue_health)
         and exists (select from tocsin.names where workflow_id <> '')`,
      [began],
    );
    return rows.length > 0;
  };
  while (!(await isFiring())) {
    if (Date.now() > end) throw new Error("No alert fired.");
    await new Promise((done) => setTimeout(done, 1_000));
  }
}

export async function pictureDashboard(stack: Stack, browser: Browser, take: Take): Promise<void> {
  for (const [suffix, width, theme] of [
    ["", 1280, "light"],
    ["-dark", 1280, "dark"],
    ["-phone", 390, "light"],
  ] as const) {
    const context = await browser.newContext({
      viewport: { width, height: 844 },
      colorScheme: theme,
      locale: "en-GB",
      timezoneId: "UTC",
    });
    const page = await signIn(context, stack);
    for (const { name, path, isThere, open } of pages) {
      await page.goto((stack.dashboardUrl ?? "") + path);
      if (open) await page.locator("table [data-row]").filter({ hasText: open }).first().click();
      await page.getByText(isThere).first().waitFor();
      await page.waitForLoadState("networkidle");
      // All of it in view at once, so that what sticks to an edge is where it belongs.
      await page.setViewportSize({ width, height: await heightOf(page) });
      await page.waitForTimeout(300);
      await take(page, `dashboard-${name}${suffix}`);
      await page.setViewportSize({ width, height: 844 });
    }
    await context.close();
  }
}

async function signIn(context: BrowserContext, stack: Stack): Promise<Page> {
  const page = await context.newPage();
  await page.goto(stack.dashboardUrl ?? "");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("navigation", { name: "Pages" }).waitFor();
  return page;
}

async function heightOf(page: Page): Promise<number> {
  return Math.max(600, Math.min(1_600, Number(await page.evaluate("document.body.scrollHeight"))));
}
