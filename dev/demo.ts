// The demo workload: a workflow engine like MeshHook at work, so that there is something to watch.
// A run every six seconds; about one in sixteen fails, the first one within a second.
//
// It writes what MeshHook's worker writes, in its order: an event for each step and each attempt,
// and at the end the run's status. Like that worker it never sets a run to failed: a step that has
// failed five times leaves the run `running`. Some other runs are set to failed by their status, as
// most engines do it.

import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import type { Worker } from "./cron.ts";
import { workflows, type Node } from "./demo-workflows.ts";

export type DemoOptions = {
  /** Of a role that may write the demo's tables (supabase/seed.sql). */
  url: string;
  /** The mean time between runs. */
  everyMs?: number;
  failureRate?: number;
  log?: (line: string) => void;
};

type Definition = { id: string; project_id: string; slug: string };
/** How a run ends: as it should, at a step's last attempt, or by its status. */
type Ending = "succeeds" | "step fails" | "run fails";

const attempts = 5;

export async function startDemo(options: DemoOptions): Promise<Worker> {
  const pool = new pg.Pool({ connectionString: options.url, max: 8, application_name: "demo" });
  pool.on("error", () => undefined);
  const { rows: definitions } = await pool.query<Definition>(
    "select id, project_id, slug from public.workflow_definitions where slug = any($1)",
    [Object.keys(workflows)],
  );
  if (definitions.length === 0) {
    await pool.end();
    throw new Error("The demo's workflows are missing. Run supabase/seed.sql, or: npm run reset");
  }

  const stopping = new AbortController();
  const running = new Set<Promise<void>>();
  const start = (ending: Ending): void => {
    const definition = pick(definitions);
    const run = runWorkflow(pool, definition, ending, stopping.signal)
      .catch((error: unknown) => {
        if (!stopping.signal.aborted) options.log?.(`demo: ${String(error)}`);
      })
      .finally(() => running.delete(run));
    running.add(run);
  };
  const everyMs = options.everyMs ?? 6_000;
  const failureRate = options.failureRate ?? 0.06;
  const loop = (async () => {
    start("step fails");
    while (!stopping.signal.aborted) {
      await pause(everyMs, stopping.signal);
      if (Math.random() >= failureRate) start("succeeds");
      else start(Math.random() < 0.6 ? "step fails" : "run fails");
    }
  })();

  return {
    stop: async () => {
      stopping.abort();
      await loop;
      await Promise.all(running);
      await pool.end();
    },
  };
}

async function runWorkflow(
  pool: pg.Pool,
  definition: Definition,
  ending: Ending,
  signal: AbortSignal,
): Promise<void> {
  const nodes = workflows[definition.slug] ?? [];
  const failing = ending === "succeeds" ? undefined : pick(nodes.filter(({ errors }) => errors));
  const { rows } = await pool.query<{ id: string }>(
    `insert into public.workflow_runs (project_id, workflow_id) values ($1, $2) returning id`,
    [definition.project_id, definition.id],
  );
  const runId = rows[0]?.id ?? "";
  const job = await takeJob(pool, runId);
  const say = async (type: string, payload: object): Promise<void> => {
    await pool.query(
      `insert into public.workflow_events (run_id, type, payload) values ($1, $2, $3)`,
      [runId, type, payload],
    );
  };

  for (const { id, type, errors } of nodes) {
    if (signal.aborted) return;
    const node = { id, type };
    await say("step_started", { node });
    if (failing?.id === id) {
      const error = pick(errors ?? [""]);
      if (ending === "step fails") await failStep(say, node, error, signal);
      else await failRun(pool, runId, error);
      return giveUpJob(pool, job, error);
    }
    await pause(300, signal);
    if (type === "http") await say("http_attempted", { node, attempt: 1, status: 200 });
    await say("step_succeeded", { node });
  }
  await say("run_completed", {});
  await setStatus(pool, runId, "succeeded");
  await pool.query("select pgmq.archive('workflow_jobs', $1::bigint)", [job]);
}

/** What the engine asks its workers to do goes through a queue; one of them takes it at once. */
async function takeJob(pool: pg.Pool, runId: string): Promise<string | undefined> {
  await pool.query("select pgmq.send('workflow_jobs', jsonb_build_object('run_id', $1::text))", [
    runId,
  ]);
  const { rows } = await pool.query<{ id: string }>(
    "select msg_id::text as id from pgmq.read('workflow_jobs', 60, 1)",
  );
  return rows[0]?.id;
}

async function giveUpJob(pool: pg.Pool, job: string | undefined, error: string): Promise<void> {
  await pool.query(
    `select pgmq.send('workflow_jobs_dlq', jsonb_build_object('error', $2::text, 'message', message))
     from pgmq.q_workflow_jobs where msg_id = $1::bigint`,
    [job, error],
  );
  await pool.query("select pgmq.archive('workflow_jobs', $1::bigint)", [job]);
}

/** All attempts of a step, sooner after each other than in real life; the run stays `running`. */
async function failStep(
  say: (type: string, payload: object) => Promise<void>,
  node: Omit<Node, "errors">,
  error: string,
  signal: AbortSignal,
): Promise<void> {
  for (let attempt = 1; attempt <= attempts && !signal.aborted; attempt++) {
    const status = Number(/^HTTP (\d+)/.exec(error)?.[1] ?? 0) || null;
    if (node.type === "http") await say("http_attempted", { node, attempt, status });
    await say("step_failed", { node, attempt, error });
    await pause(100, signal);
  }
}

async function failRun(pool: pg.Pool, runId: string, error: string): Promise<void> {
  await pool.query(
    `insert into public.job_tracking (msg_id, run_id, attempt, error_message)
     values ((random() * 1e9)::bigint, $1, 1, $2)`,
    [runId, error],
  );
  await setStatus(pool, runId, "failed");
}

async function setStatus(pool: pg.Pool, runId: string, status: string): Promise<void> {
  await pool.query(
    "update public.workflow_runs set status = $2, finished_at = clock_timestamp() where id = $1",
    [runId, status],
  );
}

function pick<Item>(items: Item[]): Item {
  const item = items[Math.floor(Math.random() * items.length)];
  if (item === undefined) throw new Error("nothing to pick from");
  return item;
}

/** Waits about so long, or until it is stopped. */
async function pause(meanMs: number, signal: AbortSignal): Promise<void> {
  await sleep(meanMs * (0.5 + Math.random()), undefined, { signal }).catch(() => undefined);
}
