// What the signed-in person may see.

import * as z from "zod/mini";
import { call } from "./client.ts";

const role = z.enum(["viewer", "editor", "admin"]);

const scope = z.object({
  version: z.string(),
  is_operator: z.boolean(),
  projects: z.array(
    z.object({ project_id: z.string(), name: z.nullable(z.string()), role: z.nullable(role) }),
  ),
  has_runs: z.boolean(),
  /** Older installations watch no queues, or no cron jobs. */
  has_queues: z.boolean(),
  has_cron: z.boolean(),
});
export type Scope = z.infer<typeof scope>;

/** Who may see what, and whether there is anything yet. */
export function readScope(signal?: AbortSignal): Promise<Scope> {
  return call("dashboard_scope", {}, scope, signal);
}
