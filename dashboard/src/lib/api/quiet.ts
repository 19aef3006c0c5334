// When nothing is told: quiet periods, which come again each week, and silences, which end.

import * as z from "zod/mini";
import { session } from "../session.svelte.ts";
import { change, read } from "./client.ts";

const severity = z.enum(["low", "medium", "high"]);

const period = z.object({
  period_id: z.string(),
  project_id: z.nullable(z.string()),
  setting_id: z.nullable(z.string()),
  name: z.string(),
  time_zone: z.string(),
  days: z.array(z.number()),
  starts_at: z.string(),
  ends_at: z.string(),
  action: z.enum(["defer", "drop"]),
  breaks_through_from: z.nullable(severity),
  is_enabled: z.boolean(),
});
export type QuietPeriod = z.infer<typeof period>;
export type QuietDraft = Omit<QuietPeriod, "period_id"> & { period_id?: string };

type Key = { project: string | null };

/** Of a project, or all that one may see. */
export async function readQuietPeriods({ project }: Key): Promise<QuietPeriod[]> {
  const query = session.client.from("quiet_periods").select().order("name").limit(1000);
  const all = await read(query, z.array(period));
  return project === null ? all : all.filter(({ project_id }) => project_id === project);
}

export function saveQuietPeriod(draft: QuietDraft): Promise<void> {
  const table = session.client.from("quiet_periods");
  const { period_id, ...row } = draft;
  return change(
    period_id ? table.update(row).eq("period_id", period_id).select() : table.insert(row).select(),
  );
}

export function removeQuietPeriod(id: string): Promise<void> {
  return change(session.client.from("quiet_periods").delete().eq("period_id", id).select());
}

const silence = z.object({
  silence_id: z.string(),
  project_id: z.nullable(z.string()),
  reason: z.string(),
  setting_id: z.nullable(z.string()),
  kind: z.nullable(z.string()),
  project_pattern: z.string(),
  workflow_pattern: z.string(),
  node_pattern: z.string(),
  max_severity: severity,
  starts_at: z.string(),
  ends_at: z.string(),
  created_by: z.nullable(z.string()),
});
export type Silence = z.infer<typeof silence>;
export type SilenceDraft = Omit<Silence, "silence_id" | "created_by" | "starts_at">;

export async function readSilences({ project }: Key): Promise<Silence[]> {
  const query = session.client
    .from("silences")
    .select()
    .order("ends_at", { ascending: false })
    .limit(200);
  const all = await read(query, z.array(silence));
  return project === null ? all : all.filter(({ project_id }) => project_id === project);
}

export function addSilence(draft: SilenceDraft): Promise<void> {
  return change(session.client.from("silences").insert(draft).select());
}

/** Ends it now: what it kept quiet until then stays in the records. */
export function endSilence(one: Silence): Promise<void> {
  const table = session.client.from("silences");
  const now = Date.now();
  if (Date.parse(one.starts_at) >= now - 1_000) {
    return change(table.delete().eq("silence_id", one.silence_id).select());
  }
  const ends_at = new Date(now).toISOString();
  return change(table.update({ ends_at }).eq("silence_id", one.silence_id).select());
}
