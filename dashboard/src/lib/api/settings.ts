// Alert settings: what can be set, what is set, and what it would have told.

import * as z from "zod/mini";
import { timeZone } from "../format.ts";
import { session } from "../session.svelte.ts";
import { ApiError, call, change } from "./client.ts";

const parameter = z.object({
  name: z.string(),
  type: z.enum([
    "number",
    "integer",
    "interval",
    "boolean",
    "choice",
    "choices",
    "texts",
    "burn_rates",
  ]),
  default: z.optional(z.unknown()),
  min: z.optional(z.union([z.number(), z.string()])),
  max: z.optional(z.union([z.number(), z.string()])),
  unit: z.optional(z.string()),
  choices: z.optional(z.array(z.string())),
  description: z.string(),
});
export type Parameter = z.infer<typeof parameter>;

const kind = z.object({
  kind: z.string(),
  family: z.enum(["event", "measure"]),
  title: z.string(),
  description: z.string(),
  parameters: z.array(parameter),
  unit: z.nullable(z.string()),
});
export type AlertKind = z.infer<typeof kind>;

export const alertSetting = z.object({
  setting_id: z.string(),
  name: z.string(),
  kind: z.string(),
  project_id: z.nullable(z.string()),
  workflow_id: z.nullable(z.string()),
  parameters: z.record(z.string(), z.unknown()),
  severity: z.enum(["low", "medium", "high"]),
  replaces_general: z.boolean(),
  evaluation_interval: z.string(),
  for_duration: z.string(),
  keep_firing_for: z.string(),
  on_no_data: z.enum(["keep", "ok", "alert"]),
  notify_resolved: z.boolean(),
  group_by: z.enum(["workflow", "project", "setting"]),
  group_wait: z.nullable(z.string()),
  throttle_limit: z.number(),
  throttle_window: z.string(),
  repeat_interval: z.string(),
  template: z.nullable(z.string()),
  is_enabled: z.boolean(),
  updated_at: z.string(),
});

const attached = z.object({
  channel_id: z.string(),
  name: z.nullable(z.string()),
  kind: z.nullable(z.string()),
  is_enabled: z.nullable(z.boolean()),
  after_interval: z.string(),
});

const listed = z.extend(alertSetting, {
  channels: z.array(attached),
  firing_count: z.number(),
  alert_count_7d: z.number(),
  notification_count_7d: z.number(),
  last_at: z.nullable(z.string()),
});
export type AlertSetting = z.infer<typeof listed>;

const answer = z.object({
  kinds: z.array(kind),
  settings: z.array(listed),
  workflows: z.array(
    z.object({ project_id: z.string(), workflow_id: z.string(), name: z.nullable(z.string()) }),
  ),
});
export type Settings = z.infer<typeof answer>;

export function readSettings(
  key: { project: string | null },
  signal?: AbortSignal,
): Promise<Settings> {
  return call("dashboard_settings", { p_project_id: key.project }, answer, signal);
}

/** As it is being edited: only what is set of it, and of a new one no setting_id. */
export type Draft = Omit<z.infer<typeof alertSetting>, "setting_id" | "updated_at"> & {
  setting_id?: string;
  updated_at?: string;
  channels: { channel_id: string; after_interval: string }[];
};

const saved = z.object({
  status: z.number(),
  setting: z.optional(z.object({ setting_id: z.string() })),
  error: z.optional(
    z.object({
      code: z.string(),
      message: z.string(),
      hint: z.optional(z.nullable(z.string())),
      issues: z.optional(
        z.nullable(z.array(z.object({ path: z.nullable(z.string()), message: z.string() }))),
      ),
    }),
  ),
});

/** What is wrong, field by field: "parameters.threshold" to words. */
export type Issues = Record<string, string>;

/** Refused, with what is wrong of each field. */
export class UnusableSetting extends ApiError {
  readonly issues: Issues;

  constructor(message: string, hint: string, code: string, issues: Issues) {
    super("refused", message, hint, code);
    this.issues = issues;
  }
}

/** Answers the id of the setting. */
export async function saveSetting(draft: Draft): Promise<string> {
  const { status, setting, error } = await call("save_alert_setting", { p_setting: draft }, saved);
  if (setting && status < 300) return setting.setting_id;
  const issues = Object.fromEntries(
    (error?.issues ?? []).map(({ path, message }) => [path ?? "", message]),
  );
  throw new UnusableSetting(
    error?.message ?? "The setting was not saved.",
    error?.hint ?? "",
    error?.code ?? "",
    issues,
  );
}

export function removeSetting(id: string): Promise<void> {
  return change(session.client.from("alert_settings").delete().eq("setting_id", id).select());
}

export function switchSetting(id: string, is_enabled: boolean): Promise<void> {
  return change(
    session.client.from("alert_settings").update({ is_enabled }).eq("setting_id", id).select(),
  );
}

const backtest = z.object({
  from: z.string(),
  to: z.string(),
  resolution_seconds: z.number(),
  is_as_live: z.boolean(),
  summary: z.object({
    /** In words: "14 alerts, 3 at night; 25 notifications". */
    text: z.string(),
    failures: z.number(),
    alerts: z.number(),
    at_night: z.number(),
    flapping: z.number(),
    still_firing: z.number(),
    firing_seconds: z.number(),
    notifications: z.number(),
    notifications_at_night: z.number(),
  }),
  alerts: z.array(
    z.object({
      alert_id: z.string(),
      workflow_id: z.string(),
      project_id: z.string(),
      pending_since: z.nullable(z.string()),
      fired_at: z.string(),
      resolved_at: z.nullable(z.string()),
      value: z.nullable(z.number()),
      sample: z.nullable(z.number()),
      is_flapping: z.boolean(),
      title: z.string(),
    }),
  ),
  notifications: z.array(
    z.object({
      at: z.string(),
      purpose: z.string(),
      title: z.nullable(z.string()),
      channels: z.nullable(z.array(z.unknown())),
    }),
  ),
});
export type Backtest = z.infer<typeof backtest>;

/** Of a setting as it is edited, what a backtest knows: no channels. */
function tried(draft: Draft): Record<string, unknown> {
  const own = Object.entries(draft).filter(([name]) => !["channels", "updated_at"].includes(name));
  return { ...Object.fromEntries(own), name: draft.name.trim() || "Tried" };
}

const day = 86_400_000;

export function runBacktest(
  { draft, days }: { draft: Draft; days: number },
  signal?: AbortSignal,
): Promise<Backtest> {
  return call(
    "backtest",
    {
      p_setting: tried(draft),
      p_from: new Date(Date.now() - days * day).toISOString(),
      p_time_zone: timeZone,
    },
    backtest,
    signal,
  );
}

const values = z.object({
  from: z.string(),
  to: z.string(),
  bucket_seconds: z.number(),
  resolution_seconds: z.number(),
  unit: z.nullable(z.string()),
  values: z.array(z.object({ at: z.string(), value: z.number(), is_breached: z.boolean() })),
  usual: z.object({
    judged: z.number(),
    mean: z.nullable(z.number()),
    p1: z.nullable(z.number()),
    p5: z.nullable(z.number()),
    p50: z.nullable(z.number()),
    p95: z.nullable(z.number()),
    p99: z.nullable(z.number()),
  }),
});
export type Values = z.infer<typeof values>;

export type ValuesKey = {
  setting: Record<string, unknown>;
  from: string;
  to: string;
  target?: Record<string, string>;
};

/** What a setting finds before any threshold; the worst of its targets. */
export function readValues(key: ValuesKey, signal?: AbortSignal): Promise<Values> {
  return call(
    "backtest_values",
    {
      p_setting: key.setting,
      p_from: key.from,
      p_to: key.to,
      p_target: key.target ?? null,
    },
    values,
    signal,
  );
}

/** What its values depend on: not on the limit, nor on what becomes of them. */
export function measured(draft: Draft): Record<string, unknown> {
  const limits = ["threshold", "resolve_threshold"];
  const parameters = Object.fromEntries(
    Object.entries(draft.parameters).filter(([name]) => !limits.includes(name)),
  );
  const { kind, project_id, workflow_id, evaluation_interval } = draft;
  return { kind, project_id, workflow_id, evaluation_interval, parameters };
}
