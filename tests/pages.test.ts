// The two pages of the local stack in a real browser: the alert of a real failure comes in by itself,
// is shown as it was sent, and a forged webhook is told from a real one.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import axe from "axe-core";
import pg from "pg";
import type { Browser, Page } from "playwright-core";
import { Webhook } from "standardwebhooks";
import { z } from "zod";
import { launchChromium } from "../dev/chromium.ts";
import { startStack, type Stack } from "../dev/stack.ts";

const workflow = "11111111-aaaa-4000-8000-000000000001"; // order-import of Acme Shop

let stack: Stack;
let browser: Browser;

before(async () => {
  [stack, browser] = await Promise.all([startStack({ workload: false }), launchChromium()]);
});

after(async () => {
  await browser?.close();
  await stack?.stop();
});

/** A page that lets no request leave this machine, and what it complained of. */
async function open(url: string): Promise<{ page: Page; complaints: string[] }> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
  const page = await context.newPage();
  const complaints: string[] = [];
  await context.route(/^/, (route) => {
    const { protocol, hostname } = new URL(route.request().url());
    if (protocol === "data:" || hostname === "127.0.0.1") return route.continue();
    complaints.push(`It asked for ${route.request().url()}`);
    return route.abort();
  });
  page.on("console", (message) => {
    if (message.type() === "error") complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(error.message));
  await page.goto(url);
  await page.getByText("Live", { exact: true }).waitFor();
  // Gone after a reload.
  await page.evaluate("window.isTheFirst = true");
  return { page, complaints };
}

async function assertNeverReloaded(page: Page): Promise<void> {
  assert.equal(await page.evaluate("window.isTheFirst"), true, "the page was not loaded again");
}

const resultSchema = z.object({
  passes: z.array(z.unknown()).min(1),
  violations: z.array(
    z.object({ id: z.string(), help: z.string(), nodes: z.array(z.object({ html: z.string() })) }),
  ),
});

const wcag = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"];

/** The frame of an email is left out, since no script runs in it: the email is looked at alone. */
async function assertAccessible(page: Page, rules?: string[]): Promise<void> {
  const options = { iframes: false, ...(rules ? { runOnly: rules } : {}) };
  await page.evaluate(axe.source);
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme });
    const found = await page.evaluate(`axe.run(${JSON.stringify(options)})`);
    const lines = resultSchema
      .parse(found)
      .violations.map(
        ({ id, help, nodes }) => `${id} (${colorScheme}): ${help}: ${nodes[0]?.html}`,
      );
    assert.deepEqual(lines, []);
  }
}

/** One run that fails for good, as MeshHook's worker writes it; answers with its id. */
async function failRun(): Promise<string> {
  const db = new pg.Client({ connectionString: stack.databaseUrl });
  await db.connect();
  try {
    const { rows } = await db.query<{ id: string }>(
      `insert into public.workflow_runs (project_id, workflow_id)
       select project_id, id from public.workflow_definitions where id = $1 returning id`,
      [workflow],
    );
    const run = rows[0]?.id ?? "";
    for (let attempt = 1; attempt <= 5; attempt++) {
      const error = "HTTP 502 Bad Gateway from <b>https://api.shop.example</b>";
      await db.query(
        "insert into public.workflow_events (run_id, type, payload) values ($1, 'step_failed', $2)",
        [run, { node: { id: "fetch_orders", type: "http" }, attempt, error }],
      );
    }
    return run;
  } finally {
    await db.end();
  }
}

const limit = { timeout: 90_000 };

test(
  "an alert comes into the open pages by itself, and a forged one is told apart",
  limit,
  async (t) => {
    const inbox = await open(stack.inbox.url);
    const hooks = await open(stack.receiver.url);
    await inbox.page.getByRole("heading", { name: "No email yet" }).waitFor();
    await hooks.page.getByRole("heading", { name: "No webhook yet" }).waitFor();
    await assertAccessible(inbox.page);
    await assertAccessible(hooks.page);

    const run = await failRun();
    const link = `https://meshhook.example/runs/${run}`;

    await t.test(
      "the inbox shows the email as it was sent, in a frame that can do nothing",
      async () => {
        const { page } = inbox;
        const entry = page
          .getByRole("navigation")
          .getByRole("link", { name: /order-import failed/ });
        await entry.waitFor({ timeout: 30_000 });
        await entry.click();
        const frame = page.locator("iframe");
        assert.doesNotMatch(
          (await frame.getAttribute("sandbox")) ?? "allow-scripts",
          /script|origin/,
        );
        const email = frame.contentFrame();
        await email.getByRole("heading", { name: "order-import failed" }).waitFor();
        // as text: markup in an error is never markup in the email
        await email
          .getByText("HTTP 502 Bad Gateway from <b>https://api.shop.example</b>", { exact: true })
          .waitFor();
        const button = email.getByRole("link", { name: "Open the run" });
        assert.equal(await button.getAttribute("href"), link);
        await assertNeverReloaded(page);
        await assertAccessible(page);

        const alone = await browser.newPage();
        await alone.setContent(stack.inbox.messages()[0]?.html ?? "");
        await assertAccessible(alone, wcag); // landmarks are the mail program's
        await alone.close();

        await page.getByRole("button", { name: "Text" }).click();
        await page.getByText(`Open the run: ${link}`).waitFor();
        await assertAccessible(page);
      },
    );

    await t.test("the receiver's page shows the webhook as verified", async () => {
      const { page } = hooks;
      const entry = page.getByRole("navigation").getByRole("link", { name: /order-import/ });
      await entry.waitFor({ timeout: 30_000 });
      await entry.click();
      await entry.getByText("✓ Verified").waitFor();
      const detail = page.getByLabel("The chosen webhook");
      await detail.getByText("✓ Verified").waitFor();
      await detail.getByText(link).waitFor();
      await assertAccessible(page);
    });

    await t.test("and one with a wrong signature as not verified, with the reason", async () => {
      const { page } = hooks;
      const body = JSON.stringify({ type: "run.failed", data: { workflow_name: "forged" } });
      const now = new Date();
      const answer = await fetch(`${stack.receiver.url}/hooks/demo`, {
        method: "POST",
        headers: {
          "webhook-id": "msg_forged",
          "webhook-timestamp": String(Math.floor(now.getTime() / 1000)),
          "webhook-signature": new Webhook("whsec_Zm9yZ2Vk").sign("msg_forged", now, body),
        },
        body,
      });
      assert.equal(answer.status, 401);
      const entry = page.getByRole("navigation").getByRole("link", { name: /forged/ });
      await entry.getByText("✗ No matching signature found").waitFor();
      await entry.click();
      const detail = page.getByLabel("The chosen webhook");
      await detail.getByText("✗ No matching signature found").waitFor();
      assert.equal(await detail.getByText("✓ Verified").count(), 0);
      await assertNeverReloaded(page);
      await assertAccessible(page);
    });

    assert.deepEqual([...inbox.complaints, ...hooks.complaints], []);
  },
);
