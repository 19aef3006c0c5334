// The dashboard in a real browser on the real stack: pages that complain of errors in the console
// and of requests that leave this machine.

import assert from "node:assert/strict";
import axe from "axe-core";
import pg from "pg";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { z } from "zod";
import { launchChromium } from "../../dev/chromium.ts";
import { startStack, type Stack } from "../../dev/stack.ts";

export type Theme = "light" | "dark";

export type Dashboard = {
  stack: Stack;
  db: pg.Client;
  browser: Browser;
  url: string;
  /** A page of somebody's own, as if on a device of their own. */
  open: (options?: OpenOptions) => Promise<Tab>;
  stop: () => Promise<void>;
};

export type OpenOptions = {
  path?: string;
  theme?: Theme;
  width?: number;
  /** Before the page is asked for. */
  prepare?: (context: BrowserContext) => Promise<unknown>;
};

export type Tab = { page: Page; complaints: string[]; context: BrowserContext };

export async function startDashboard(): Promise<Dashboard> {
  const [stack, browser] = await Promise.all([
    startStack({ workload: false, dashboard: true }),
    launchChromium(),
  ]);
  const db = new pg.Client({ connectionString: stack.databaseUrl });
  await db.connect();
  const url = stack.dashboardUrl ?? "";

  const open = async (options: OpenOptions = {}): Promise<Tab> => {
    const context = await browser.newContext({
      viewport: { width: options.width ?? 1280, height: 900 },
      colorScheme: options.theme ?? "light",
      locale: "en-GB",
      timezoneId: "Europe/Berlin",
    });
    const complaints: string[] = [];
    await context.route(/^/, (route) => {
      const { protocol, hostname } = new URL(route.request().url());
      if (protocol === "data:" || hostname === "127.0.0.1") return route.continue();
      complaints.push(`It asked for ${route.request().url()}`);
      return route.abort();
    });
    await options.prepare?.(context);
    const page = await context.newPage();
    page.on("console", (message) => {
      if (message.type() === "error") complaints.push(message.text());
    });
    page.on("pageerror", (error) => complaints.push(error.message));
    await page.goto(url + (options.path ?? "/"));
    return { page, complaints, context };
  };

  return {
    stack,
    db,
    browser,
    url,
    open,
    stop: async () => {
      await db.end();
      await browser.close();
      await stack.stop();
    },
  };
}

export async function signIn(
  page: Page,
  { email, password }: { email: string; password: string },
): Promise<void> {
  await page.getByLabel("Email").fill(email);
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("navigation", { name: "Pages" }).waitFor();
}

const resultSchema = z.object({
  passes: z.array(z.unknown()).min(1),
  violations: z.array(
    z.object({ id: z.string(), help: z.string(), nodes: z.array(z.object({ html: z.string() })) }),
  ),
});

/** What axe finds on the page as it is, a line each. */
export async function findBarriers(page: Page): Promise<string[]> {
  await page.evaluate(axe.source);
  const result = resultSchema.parse(await page.evaluate("axe.run(document)"));
  return result.violations.flatMap(({ id, help, nodes }) =>
    nodes.map(({ html }) => `${id}: ${help}: ${html}`),
  );
}

/** The runs that the overview counts, as it shows them. */
export async function figure(page: Page, label: string): Promise<string> {
  const shown = page.locator("dt", { hasText: label }).locator("xpath=following-sibling::dd[1]");
  return (await shown.first().textContent())?.trim() ?? "";
}

/** Waits until something holds, and says what was there when it does not come to be. */
export async function eventually<T>(
  read: () => Promise<T>,
  holds: (value: T) => boolean,
  patience = 30_000,
): Promise<T> {
  const end = Date.now() + patience;
  let value = await read();
  while (!holds(value) && Date.now() < end) {
    await new Promise((done) => setTimeout(done, 50));
    value = await read();
  }
  assert.ok(holds(value), `after ${patience / 1_000} s it was still: ${JSON.stringify(value)}`);
  return value;
}
