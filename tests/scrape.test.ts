// What scrapers get from tocsin-api, on the whole stack. That Prometheus itself reads it is shown by
// npm run test:platform.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import pg from "pg";
import { startStack, type Stack } from "../dev/stack.ts";

const openMetrics = "application/openmetrics-text;version=1.0.0";
/** More than the Data API gives in one answer, were they rows. */
const workflows = 1_201;

let stack: Stack;
let db: pg.Client;

before(async () => {
  stack = await startStack({ demo: false });
  db = new pg.Client({ connectionString: stack.databaseUrl });
  await db.connect();
  await db.query(`create table public.jobs (id int generated always as identity primary key,
    status text, workflow_id text, started_at timestamptz, finished_at timestamptz)`);
  await db.query("select tocsin.watch_runs('public.jobs')");
  await db.query(
    `insert into public.jobs (status, workflow_id, started_at, finished_at)
     select (array['succeeded', 'failed', 'canceled', 'timed_out', 'running'])[1 + n % 5],
       'w' || n % $1, now() - n * interval '1 s', now()
     from generate_series(1, 5000) as n`,
    [workflows],
  );
});

after(async () => {
  await db?.end();
  await stack?.stop();
});

function scrape(query = "", headers: Record<string, string> = {}): Promise<Response> {
  return fetch(`${stack.functionsUrl}/tocsin-api/metrics${query}`, {
    headers: { authorization: `Bearer ${stack.keys.metricsToken}`, ...headers },
  });
}

/** The samples of a page, by series. */
async function samples(answer: Response): Promise<Map<string, number>> {
  const page = await answer.text();
  assert.equal(answer.status, 200, page);
  const lines = page.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return new Map(
    lines.map((line) => {
      const end = line.lastIndexOf(" ");
      return [line.slice(0, end), Number(line.slice(end + 1))];
    }),
  );
}

test("it tells what the run table holds, of more workflows than the Data API has rows for", async () => {
  const told = await samples(await scrape("", { accept: openMetrics }));
  const { rows } = await db.query<{ series: string; runs: string }>(
    `select format('tocsin_runs{source_id="jobs",project_id="",workflow_id="%s",outcome="%s"}',
       workflow_id, outcome) as series, count(*) filter (where status = outcome) as runs
     from public.jobs, unnest(array['succeeded', 'failed', 'timed_out', 'canceled']) as outcome
     where workflow_id in (select workflow_id from public.jobs where status <> 'running')
     group by workflow_id, outcome`,
  );
  assert.ok(rows.length > 4_000);
  const runs = [...told].filter(([series]) => series.startsWith("tocsin_runs{")).sort();
  assert.deepEqual(
    runs,
    rows.map((row): [string, number] => [row.series, Number(row.runs)]).sort(),
  );
  assert.equal(told.get("tocsin_workflows_left_out"), 0);
  assert.equal(told.get("tocsin_outcomes_set_aside"), 0);
});

test("both formats have the same series, and packed they are the same", async () => {
  const older = await samples(await scrape("", { accept: "text/plain" }));
  const newer = await samples(await scrape("", { accept: openMetrics }));
  const packed = await samples(await scrape("", { "accept-encoding": "gzip" }));
  assert.deepEqual([...newer.keys()].sort(), [...older.keys()].sort());
  assert.deepEqual([...packed.keys()], [...older.keys()]);
  assert.ok(older.size > 20_000);
});

test("beyond the limit those that ran last are told, and how many are left out", async () => {
  await db.query("insert into public.jobs (status, workflow_id) values ('failed', 'the last')");
  const told = await samples(await scrape("?limit=3&durations=false"));
  const named = [...told.keys()].filter((series) => series.startsWith("tocsin_runs{"));
  assert.equal(named.length, 3 * 4);
  assert.ok(named.some((series) => series.includes('workflow_id="the last"')));
  assert.equal(told.get("tocsin_workflows_left_out"), workflows + 1 - 3);
});

test("only the scraper's token opens it: no key of the project, and nobody's session", async () => {
  const { publishable, secret, metricsToken } = stack.keys;
  for (const token of [publishable, secret, metricsToken.slice(0, -1), `${metricsToken} `]) {
    const answer = await scrape("", { authorization: `Bearer ${token}`, apikey: secret });
    if (token.trim() === metricsToken)
      assert.equal(answer.status, 200, "blanks at the end are none");
    else assert.equal(answer.status, 401, token);
    await answer.body?.cancel();
  }
});
