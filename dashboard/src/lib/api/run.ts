// What became of a run's failure, in order, in words.

import * as z from "zod/mini";
import { call } from "./client.ts";

const step = z.object({
  at: z.nullable(z.string()),
  step: z.string(),
  story: z.string(),
  setting_name: z.nullable(z.string()),
  channel_name: z.nullable(z.string()),
  details: z.nullable(z.record(z.string(), z.unknown())),
});
export type Step = z.infer<typeof step>;

export function explainRun(
  key: { run: string; source: string | null },
  signal?: AbortSignal,
): Promise<Step[]> {
  return call("explain_run", { p_run_id: key.run, p_source_id: key.source }, z.array(step), signal);
}
