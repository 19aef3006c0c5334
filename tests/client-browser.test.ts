// @tocsin/client in a browser: a page on another origin imports the modules as they are built, and
// what it reports is stored.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { test } from "node:test";
import pg from "pg";
import { launchChromium } from "../dev/chromium.ts";
import { repository } from "../dev/paths.ts";
import { freePort } from "../dev/ports.ts";
import { startStack } from "../dev/stack.ts";

test("a page in Chromium, on another origin, reports what it caught and what it did not", async (t) => {
  // the last that was started is stopped first
  const stops: (() => unknown)[] = [];
  t.after(async () => {
    for (const stop of stops.reverse()) await stop();
  });
  const built = mkdtempSync(join(tmpdir(), "tocsin-client-"));
  stops.push(() => rmSync(built, { recursive: true, force: true }));
  const tsc = join(repository, "node_modules/typescript/bin/tsc");
  const project = join(repository, "packages/client/tsconfig.build.json");
  execFileSync(process.execPath, [tsc, "-p", project, "--outDir", built]);

  const stack = await startStack({ demo: false });
  stops.push(() => stack.stop());
  const db = new pg.Client({ connectionString: stack.databaseUrl });
  await db.connect();
  stops.push(() => db.end());
  const { rows: keys } = await db.query<{ ingest_key: string }>(
    "select ingest_key from tocsin.create_ingest_key('shop', 'browsers')",
  );

  const page = `<!doctype html><title>Shop</title><script type="module">
    import { createTocsin } from "/index.js";
    const tocsin = createTocsin({
      url: ${JSON.stringify(stack.apiUrl)}, key: ${JSON.stringify(keys[0]?.ingest_key)},
      defaults: { component: "page" },
    });
    addEventListener("error", (event) => tocsin.captureException(event.error));
    tocsin.captureException(new TypeError("caught"));
    setTimeout(() => { throw new RangeError("not caught"); }, 1);
    setTimeout(async () => { window.settled = [await tocsin.flush(10000), tocsin.stats()]; }, 50);
  </script>`;
  const server = createServer((request, response) => {
    const name = basename(request.url ?? "/");
    const isModule = name.endsWith(".js");
    response.setHeader("content-type", isModule ? "text/javascript" : "text/html");
    response.end(isModule ? readFileSync(join(built, name)) : page);
  });
  const port = await freePort(0);
  await new Promise<void>((done) => server.listen(port, "127.0.0.1", done));
  stops.push(() => server.close());

  const browser = await launchChromium();
  stops.push(() => browser.close());
  const tab = await browser.newPage();
  await tab.goto(`http://127.0.0.1:${port}/`);
  await tab.waitForFunction("window.settled");
  assert.deepEqual(await tab.evaluate("window.settled"), [
    true,
    { queued: 0, accepted: 2, duplicates: 0, rejected: 0, dropped: 0 },
  ]);
  await db.query("select from tocsin_internal.tick()");
  const { rows } = await db.query(
    `select exception, message, project_id from tocsin.error_metrics
     where component = 'page' order by exception`,
  );
  assert.deepEqual(rows, [
    { exception: "RangeError", message: "not caught", project_id: "shop" },
    { exception: "TypeError", message: "caught", project_id: "shop" },
  ]);
});
