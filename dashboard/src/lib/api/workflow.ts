// One workflow.

import * as z from "zod/mini";
import { spanOf } from "../range.ts";
import { call } from "./client.ts";
import { severity } from "./incidents.ts";
import { sums } from "./workflows.ts";

const failure = z.object({
  error_id: z.string(),
  group_id: z.nullable(z.string()),
  timestamp: z.string(),
  node: z.nullable(z.string()),
  error_type: z.string(),
  severity,
  message: z.nullable(z.string()),
  run_id: z.nullable(z.string()),
  source_id: z.string(),
  attempt: z.nullable(z.number()),
  run_url: z.nullable(z.string()),
});
export type Failure = z.infer<typeof failure>;

const workflow = z.object({
  name: z.nullable(z.string()),
  criticality: z.enum(["low", "normal", "critical"]),
  last_updated: z.nullable(z.string()),
  now: z.nullable(sums),
  before: z.nullable(sums),
  durations: z.object({
    p50: z.nullable(z.number()),
    p95: z.nullable(z.number()),
    p99: z.nullable(z.number()),
  }),
  failures: z.array(failure),
  nodes: z.array(z.object({ node: z.string(), count: z.number() })),
  alerts: z.array(
    z.object({
      alert_id: z.string(),
      title: z.nullable(z.string()),
      severity,
      state: z.enum(["pending", "firing", "acknowledged", "resolved"]),
      fired_at: z.string(),
      resolved_at: z.nullable(z.string()),
    }),
  ),
  releases: z.array(z.object({ release: z.string(), at: z.string() })),
});
export type WorkflowDetail = z.infer<typeof workflow>;

export type WorkflowKey = {
  project: string;
  workflow: string;
  source: string | null;
  range: string;
};

export function readWorkflow(key: WorkflowKey, signal?: AbortSignal): Promise<WorkflowDetail> {
  const { from, to } = spanOf(key.range);
  return call(
    "dashboard_workflow",
    {
      p_project_id: key.project,
      p_workflow_id: key.workflow,
      p_source_id: key.source,
      p_from: from.toISOString(),
      p_to: to.toISOString(),
    },
    workflow,
    signal,
  );
}

const setting = z.object({
  setting_id: z.string(),
  name: z.string(),
  kind: z.string(),
  level: z.enum(["everything", "project", "workflow"]),
  severity,
  is_enabled: z.boolean(),
  applies: z.boolean(),
  replaced_by: z.array(z.object({ setting_id: z.string(), name: z.string() })),
  channels: z.array(z.object({ channel_id: z.string(), name: z.nullable(z.string()) })),
});
export type AppliedSetting = z.infer<typeof setting>;

/** Kinds that never hear of runs. */
const ofOthers = /^(cron|queue|webhook|tocsin)_/;

/** The settings that hear of a workflow, the most specific first. */
export async function readAppliedSettings(
  key: { project: string; workflow: string },
  signal?: AbortSignal,
): Promise<AppliedSetting[]> {
  const { settings } = await call(
    "read_alert_settings",
    { p_project_id: key.project, p_workflow_id: key.workflow },
    z.object({ settings: z.array(setting) }),
    signal,
  );
  return settings.filter(({ kind }) => !ofOthers.test(kind));
}
