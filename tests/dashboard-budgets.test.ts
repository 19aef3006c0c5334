// The dashboard's budgets, measured and printed: how much JavaScript the first page takes, how soon
// it can be used, and whether a list of 1,000 workflows stays quick.

import assert from "node:assert/strict";
import { availableParallelism, loadavg } from "node:os";
import { after, before, test } from "node:test";
import { z } from "zod";
import { succeedRuns } from "../dev/demo-failures.ts";
import { signIn, startDashboard, type Dashboard } from "./support/dashboard.ts";

const usableMs = 1_500;
const scriptBytes = 200_000;
const longTaskMs = 50;
const workflows = 1_000;
const project = "7b6f0c1e-2f3a-4d55-9c1d-0a4b8f1c2d3e"; // Acme Shop

let dashboard: Dashboard;

before(async () => {
  dashboard = await startDashboard();
  await succeedRuns(dashboard.db, "order-import", 20);
});

after(async () => {
  await dashboard?.stop();
});

test(`the first page takes at most ${scriptBytes / 1_000} KB of compressed JavaScript`, async () => {
  const { page } = await dashboard.open();
  const sizes = new Map<string, number>();
  page.on("response", async (response) => {
    const { pathname } = new URL(response.url());
    if (!pathname.endsWith(".js")) return;
    sizes.set(pathname, (await response.request().sizes()).responseBodySize);
  });
  await page.reload();
  await signIn(page, dashboard.stack.operator);
  await page.locator("table [data-row]").first().waitFor();
  await page.waitForLoadState("networkidle");
  const sum = [...sizes.values()].reduce((total, size) => total + size, 0);
  console.log(`# JavaScript of the first page: ${(sum / 1_000).toFixed(1)} KB compressed`);
  assert.ok(sizes.size > 3);
  assert.ok(sum <= scriptBytes, `${sum} bytes`);
});

test(`the first view can be used within ${usableMs} ms`, async () => {
  const { page } = await dashboard.open();
  await signIn(page, dashboard.stack.operator);
  await page.locator("table [data-row]").first().waitFor();
  // The best of three: a busy machine says more of its other work than of the page.
  const times: number[] = [];
  for (let attempt = 0; attempt < 3; attempt++) {
    const began = performance.now();
    await page.reload({ waitUntil: "commit" });
    await page.locator("table [data-row]").first().waitFor();
    times.push(Math.round(performance.now() - began));
  }
  console.log(`# usable after ${times.join(", ")} ms`);
  // More work than processors is no fault of the page's.
  const busy = Math.max(1, (loadavg()[0] ?? 0) / availableParallelism());
  assert.ok(Math.min(...times) <= usableMs * busy, `${times.join(", ")} ms`);
});

test("nothing on the first page moves once it is there", async () => {
  const { page } = await dashboard.open({
    prepare: (context) =>
      context.addInitScript(`
        window.shift = 0;
        new PerformanceObserver((list) => {
          for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shift += entry.value;
        }).observe({ type: "layout-shift", buffered: true });`),
  });
  await signIn(page, dashboard.stack.operator);
  await page.locator("table [data-row]").first().waitFor();
  await page.reload();
  await page.locator("table [data-row]").first().waitFor();
  await page.waitForLoadState("networkidle");
  const shift = z.number().parse(await page.evaluate("window.shift"));
  console.log(`# layout shift: ${shift.toFixed(4)}`);
  assert.ok(shift <= 0.02, `${shift}`);
});

test(`${workflows} workflows scroll, sort and filter without a long task, in one request`, async () => {
  await addWorkflows();
  const { page } = await dashboard.open();
  let asked = 0;
  page.on("request", (request) => {
    if (request.url().includes("/rpc/dashboard_workflows")) asked += 1;
  });
  await signIn(page, dashboard.stack.operator);
  const rows = page.locator("table [data-row]");
  const table = page.getByRole("table", { name: "Workflows" });
  await table.waitFor();
  const shown = Number(await table.getAttribute("aria-rowcount")) - 1;
  assert.ok(shown >= workflows, `${shown} rows`);
  assert.ok((await rows.count()) < 60, "only those in view are there");
  assert.ok(asked <= 2, `${asked} requests for ${workflows} workflows`);

  await page.waitForTimeout(500);
  await dashboard.browser.startTracing(page, { categories: ["toplevel"] });
  await page.evaluate(`new Promise((done) => {
    let y = 0;
    const step = () => {
      scrollTo(0, (y += 400));
      if (y < document.body.scrollHeight) requestAnimationFrame(step); else done();
    };
    step();
  })`);
  await page.evaluate("scrollTo(0, 0)");
  for (const text of ["workflow-05", "9", "workflow-0777", ""]) {
    await page.getByLabel("Filter workflows").fill(text);
    await page.waitForTimeout(300);
  }
  await page.getByRole("button", { name: "Workflow", exact: true }).click();
  await page.getByRole("link", { name: "workflow-0001" }).waitFor();
  const tasks = tasksOfPages(await dashboard.browser.stopTracing());
  const longest = Math.max(...tasks);
  console.log(
    `# longest of ${tasks.length} tasks with ${shown} workflows: ${longest.toFixed(1)} ms`,
  );
  assert.ok(tasks.length > 100);
  assert.ok(longest <= longTaskMs, `${longest} ms`);
});

/** Ten runs each, one of them failed, in the last hours; named, as the heart would. */
async function addWorkflows(): Promise<void> {
  const { db } = dashboard;
  await db.query(
    `with made as (
       insert into public.workflow_definitions (project_id, slug)
       select $1, 'workflow-' || lpad(n::text, 4, '0') from generate_series(1, $2::int) as n
       returning id
     )
     insert into public.workflow_runs (project_id, workflow_id, status, started_at, finished_at)
     select $1, id, case when n = 1 then 'failed' else 'succeeded' end,
       now() - n * interval '1 second', now()
     from made, generate_series(1, 10) as n`,
    [project, workflows],
  );
  await db.query("select tocsin_internal.roll_up() from generate_series(1, 5)");
  await db.query("select tocsin_internal.look_up_names() from generate_series(1, 3)");
}

const traceSchema = z.object({
  traceEvents: z.array(
    z.looseObject({
      name: z.string(),
      pid: z.number(),
      tid: z.number(),
      tdur: z.number().optional(),
      args: z.looseObject({ name: z.string().optional() }).optional(),
    }),
  ),
});

/**
 * How long the tasks of the pages' main threads worked, in milliseconds: the time on a processor,
 * which other work on the machine does not lengthen.
 */
function tasksOfPages(trace: Buffer): number[] {
  const { traceEvents } = traceSchema.parse(JSON.parse(trace.toString()));
  const main = new Set(
    traceEvents
      .filter(({ name, args }) => name === "thread_name" && args?.name === "CrRendererMain")
      .map(({ pid, tid }) => `${pid} ${tid}`),
  );
  return traceEvents
    .filter(({ name, pid, tid }) => name.endsWith("RunTask") && main.has(`${pid} ${tid}`))
    .map(({ tdur = 0 }) => tdur / 1_000);
}
