// Queues and cron jobs in a line each: how many are how well, and the worst of them.

import * as z from "zod/mini";
import { session } from "../session.svelte.ts";
import { scope } from "../scope.svelte.ts";
import { read } from "./client.ts";

const queues = z.array(
  z.object({
    queue_name: z.string(),
    project_id: z.string(),
    status: z.enum(["healthy", "idle", "slow", "backing_up", "stalled"]),
    reason: z.nullable(z.string()),
  }),
);
const jobs = z.array(
  z.object({ job_name: z.string(), status: z.string(), reason: z.nullable(z.string()) }),
);

export type Health = { name: string; status: string; reason: string | null };

/** Null: this installation watches none. */
export async function readQueueHealth(key: { project: string | null }): Promise<Health[] | null> {
  const columns = "queue_name, project_id, status, reason";
  if (!scope.value?.has_queues) return null;
  const found = await read(session.client.from("queue_health").select(columns).limit(1000), queues);
  return found
    .filter(({ project_id }) => key.project === null || key.project === project_id)
    .map(({ queue_name, ...rest }) => ({ name: queue_name, ...rest }));
}

/** Null: this installation watches none. */
export async function readCronHealth(): Promise<Health[] | null> {
  const columns = "job_name, status, reason";
  if (!scope.value?.has_cron) return null;
  const found = await read(session.client.from("cron_health").select(columns).limit(1000), jobs);
  return found.map(({ job_name, ...rest }) => ({ name: job_name, ...rest }));
}
