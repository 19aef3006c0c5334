// GET /metrics of tocsin-api, judged by Prometheus itself: promtool reads its older format, and a
// server scrapes the newer one, which must then answer with what the run table holds.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { repository } from "../paths.ts";
import type { Stack } from "../stack.ts";
import { check, startPrometheus, type Prometheus } from "./prometheus.ts";

/** As bad as a name can be. */
const workflow = 'nightly "import" \\ of\nx{y="z"} 1\n# EOF';

export async function scrapeWithPrometheus(debian: string, stack: Stack): Promise<void> {
  const db = new pg.Client({ connectionString: stack.databaseUrl });
  await db.connect();
  try {
    await db.query(`create table public.scraped (id int generated always as identity primary key,
      status text, workflow_id text, started_at timestamptz, finished_at timestamptz)`);
    await db.query("select tocsin.watch_runs('public.scraped')");
    await db.query(
      `insert into public.scraped (status, workflow_id, started_at, finished_at)
       select case when n % 4 = 0 then 'failed' else 'succeeded' end, $1,
         now() - interval '40 seconds', now() from generate_series(1, 40) as n`,
      [workflow],
    );
    await promtoolFindsNothing(debian, stack);
    await aServerKnowsWhatTheTableHolds(debian, stack, db);
  } finally {
    await db.query("select tocsin.unwatch_runs('public.scraped')").catch(() => undefined);
    await db.query("drop table if exists public.scraped").catch(() => undefined);
    await db.end();
  }
}

/** The files that the how-to gives are Prometheus's; answers with the expressions to try. */
async function readHowTo(debian: string): Promise<string[]> {
  const page = readFileSync(join(repository, "docs/how-to/scrape-with-prometheus.md"), "utf8");
  const blocks = [...page.matchAll(/^( *)```yaml\n([^]*?)^ *```$/gm)].map(([, indent = "", text]) =>
    (text ?? "").replace(new RegExp(`^${indent}`, "gm"), ""),
  );
  for (const text of blocks) {
    const what = text.startsWith("scrape_configs:") ? "config" : "rules";
    assert.equal(await check(debian, what, text), "", text);
  }
  const rules = blocks.flatMap((text) => [...text.matchAll(/^ *expr: (.*)$/gm)]);
  const table = page.matchAll(/^\| [^|]*\?\s*\| `(.*)`\s*\|$/gm);
  const expressions = [...rules, ...table].map(([, text = ""]) => text.replaceAll("\\|", "|"));
  assert.ok(blocks.length === 3 && expressions.length >= 8, `${blocks.length} blocks`);
  return expressions;
}

async function promtoolFindsNothing(debian: string, { functionsUrl, keys }: Stack): Promise<void> {
  const answer = await fetch(`${functionsUrl}/tocsin-api/metrics`, {
    headers: { accept: "text/plain", authorization: `Bearer ${keys.metricsToken}` },
  });
  assert.equal(answer.headers.get("content-type"), "text/plain; version=0.0.4; charset=utf-8");
  const page = await answer.text();
  assert.equal(await check(debian, "metrics", page), "");
  // and it would, were there something
  assert.match(await check(debian, "metrics", `${page}tocsin_runs{a="b"c} 1\n`), /error/i);
}

async function aServerKnowsWhatTheTableHolds(
  debian: string,
  { functionsUrl, keys }: Stack,
  db: pg.Client,
): Promise<void> {
  const url = `${functionsUrl}/tocsin-api/metrics`;
  const prometheus = await startPrometheus(debian, { url, token: keys.metricsToken });
  try {
    assert.deepEqual(await prometheus.target(), { health: "up", lastError: "" });
    const runs = await prometheus.query('tocsin_runs{source_id="scraped"}');
    assert.ok(
      runs.every(({ labels }) => labels["workflow_id"] === workflow),
      "the name is the same, whatever is in it",
    );
    assert.deepEqual(Object.fromEntries(runs.map((one) => [one.labels["outcome"], one.value])), {
      succeeded: 30,
      failed: 10,
      timed_out: 0,
      canceled: 0,
    });
    const known = await value(prometheus, "sum(tocsin_runs)");
    const { rows } = await db.query<{ sum: string }>(
      "select sum(success_count + failure_count + canceled_count) from tocsin.workflow_run_metrics",
    );
    assert.equal(known, Number(rows[0]?.sum), "of all the sources, every run");

    // types that 0.0.4 does not have: it was OpenMetrics that was scraped
    assert.equal((await prometheus.metadata("tocsin_runs"))?.type, "gauge");
    assert.equal((await prometheus.metadata("tocsin_build"))?.type, "info");
    const durations = await prometheus.metadata("tocsin_run_duration_seconds");
    assert.deepEqual([durations?.type, durations?.unit], ["gaugehistogram", "seconds"]);

    // durations come with the next beat of the heart
    const buckets = 'tocsin_run_duration_seconds_bucket{source_id="scraped"}';
    await until(
      prometheus,
      `${buckets} and on () (${gcount} == 40)`,
      (found) => found.length === 13,
    );
    const median = await value(prometheus, `histogram_quantile(0.5, ${buckets})`);
    assert.ok(median > 15 && median <= 60, `the median of 40 s is in its bucket: ${median}`);
    const average = await value(prometheus, `tocsin_run_duration_seconds_gsum / ${gcount}`);
    assert.ok(Math.abs(average - 40) < 0.001, String(average));

    for (const expression of await readHowTo(debian)) await prometheus.query(expression);

    const beat = 'time() - tocsin_stage_last_run_timestamp_seconds{stage="roll_up"}';
    assert.ok((await value(prometheus, beat)) < 60);
    assert.equal(await value(prometheus, "tocsin_workflows_left_out"), 0);
    assert.equal((await prometheus.query("tocsin_queue_messages")).length, 4);
    assert.equal((await prometheus.query("tocsin_deliveries")).length, 4);

    // Why runs are a gauge: one is re-opened, and what reads counters believes in ten new failures.
    await db.query(`update public.scraped set status = 'running', finished_at = null
      where id = (select min(id) from public.scraped where status = 'failed')`);
    const failed = 'tocsin_runs{source_id="scraped",outcome="failed"}';
    await until(prometheus, failed, ([one]) => one?.value === 9);
    assert.ok((await value(prometheus, `delta(${failed}[1m])`)) < 0);
    assert.ok((await value(prometheus, `increase(${failed}[1m])`)) >= 9);
  } finally {
    await prometheus.stop();
  }
}

const gcount = 'tocsin_run_duration_seconds_gcount{source_id="scraped"}';

async function value(prometheus: Prometheus, expression: string): Promise<number> {
  const found = await prometheus.query(expression);
  assert.equal(found.length, 1, expression);
  return found[0]?.value ?? NaN;
}

async function until(
  prometheus: Prometheus,
  expression: string,
  isSo: (found: Awaited<ReturnType<Prometheus["query"]>>) => boolean,
): Promise<void> {
  for (let tries = 0; tries < 300; tries++) {
    if (isSo(await prometheus.query(expression))) return;
    await sleep(100);
  }
  assert.fail(`It never came about: ${expression}`);
}
