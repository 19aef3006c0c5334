// A failure of the demo's, chosen: for the tests and the pictures.

import type pg from "pg";

export type Failure = { workflow: string; node: string; error: string };

/** What MeshHook's worker writes when a step has failed for good. Answers with the run. */
export async function failRun(db: pg.Client, { workflow, node, error }: Failure): Promise<string> {
  const { rows } = await db.query<{ id: string }>(
    `insert into public.workflow_runs (project_id, workflow_id)
     select project_id, id from public.workflow_definitions where slug = $1 returning id`,
    [workflow],
  );
  const run = rows[0]?.id ?? "";
  for (let attempt = 1; attempt <= 5; attempt++) {
    await db.query(
      "insert into public.workflow_events (run_id, type, payload) values ($1, 'step_failed', $2)",
      [run, { node: { id: node, type: "http" }, attempt, error }],
    );
  }
  return run;
}

/** So many runs that succeeded, each of a few seconds. */
export async function succeedRuns(db: pg.Client, workflow: string, count: number): Promise<void> {
  await db.query(
    `insert into public.workflow_runs (project_id, workflow_id, status, started_at, finished_at)
     select project_id, id, 'succeeded', now() - random() * interval '5 s', now()
     from public.workflow_definitions, generate_series(1, $2::int) where slug = $1`,
    [workflow, count],
  );
}
