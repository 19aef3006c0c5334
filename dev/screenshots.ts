// npm run screenshots: the pictures in docs/images, of real alerts on a stack of its own. What fails
// is chosen, so that the pictures tell the same story each time; the way it takes is the real one.
//   npm run screenshots -- dashboard     only those of the dashboard

import { mkdirSync, statSync } from "node:fs";
import { join, relative } from "node:path";
import pg from "pg";
import type { Browser, Page } from "playwright-core";
import { launchChromium } from "./chromium.ts";
import { failRun, type Failure } from "./demo-failures.ts";
import { breakSomething, pictureDashboard } from "./screenshots-dashboard.ts";
import { repository } from "./paths.ts";
import { startStack, type Stack } from "./stack.ts";

const images = join(repository, "docs/images");
const largest = 250_000;
const patience = 60_000;

/** The last one is the picture of an alert: it has something to redact. */
const failures: Failure[] = [
  {
    workflow: "invoice-mailer",
    node: "render_invoice",
    error: "Template variable `vat_rate` is not defined",
  },
  {
    workflow: "crm-sync",
    node: "fetch_contacts",
    error: "HTTP 429 Too Many Requests from https://crm.example/api/contacts (retry-after: 30)",
  },
  {
    workflow: "order-import",
    node: "fetch_orders",
    error:
      "HTTP 502 Bad Gateway: GET /v2/orders?api_key=demo-0123456789abcdef\n" +
      "upstream connect error or disconnect/reset before headers",
  },
];
const storm: Failure = {
  workflow: "payment-webhook",
  node: "record_payment",
  error: "HTTP 503 Service Unavailable from https://ledger.example/entries",
};

const isDashboardAlone = process.argv[2] === "dashboard";
const stack = await startStack({
  workload: false,
  history: true,
  dashboard: true,
  progress: console.log,
});
const browser = await launchChromium();
const db = new pg.Client({ connectionString: stack.databaseUrl });
try {
  await db.connect();
  mkdirSync(images, { recursive: true });
  if (!isDashboardAlone) {
    await failInTurn(stack);
    await takePictures(stack, browser);
  }
  await breakSomething(db);
  await pictureDashboard(stack, browser, async (page, name) => {
    const path = join(images, `${name}.png`);
    await page.screenshot({ path });
    weigh(path);
  });
} finally {
  await db.end();
  await browser.close();
  await stack.stop();
}

/** A storm with its summary, and then one failure of each workflow. */
async function failInTurn({ inbox, receiver }: Stack): Promise<void> {
  const throttle = "update tocsin.alert_settings set throttle_window = $1";
  await db.query(throttle, ["8 seconds"]);
  for (let count = 0; count < 9; count++) await failRun(db, storm);
  await inbox.waitFor(({ subject }) => subject.includes("more times"), patience);
  await db.query(throttle, ["5 minutes"]);
  for (const failure of failures) {
    const run = await failRun(db, failure);
    await inbox.waitFor(({ text }) => text.includes(run), patience);
    await receiver.waitFor(({ body }) => body.includes(run), patience);
  }
}

async function takePictures({ inbox, receiver }: Stack, browser: Browser): Promise<void> {
  const newest = inbox.messages()[0]?.id ?? "";
  for (const colors of ["light", "dark"]) {
    const name = colors === "light" ? "alert-email" : "alert-email-dark";
    const url = `${inbox.url}/_messages/${newest}/html?scheme=${colors}`;
    await takePicture(browser, { name, url, width: 680, height: 200, scale: 2 });
  }
  await takePicture(browser, {
    ...{ name: "inbox", url: inbox.url, width: 1060, height: 700, scale: 1.15 },
    isThere: (page) => page.locator("iframe").contentFrame().getByText("Open the run").waitFor(),
  });
  await takePicture(browser, {
    ...{ name: "webhook", url: receiver.url, width: 1060, height: 700, scale: 1.15 },
    isThere: (page) => page.getByLabel("The chosen webhook").getByText("✓ Verified").waitFor(),
  });
}

type Picture = {
  name: string;
  url: string;
  width: number;
  /** At least: the whole page is taken. */
  height: number;
  scale: number;
  isThere?: (page: Page) => Promise<void>;
};

async function takePicture(browser: Browser, picture: Picture): Promise<void> {
  const { name, url, width, height, scale, isThere } = picture;
  const page = await browser.newPage({
    viewport: { width, height },
    deviceScaleFactor: scale,
    locale: "en-GB",
    timezoneId: "UTC",
  });
  await page.goto(url);
  await isThere?.(page);
  const path = join(images, `${name}.png`);
  await page.screenshot({ path, fullPage: true });
  await page.close();
  weigh(path);
}

/** Whoever clones the repository gets every picture. */
function weigh(path: string): void {
  const { size } = statSync(path);
  console.log(`${relative(repository, path)}  ${Math.round(size / 1000)} kB`);
  if (size <= largest) return;
  console.log(`  That is more than ${largest / 1000} kB: take a smaller scale.`);
  process.exitCode = 1;
}
