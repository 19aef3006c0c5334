// How Tocsin itself fares: the doctor's findings with their remedies, and its own figures.

import * as z from "zod/mini";
import { session } from "../session.svelte.ts";
import { call, orAbsent, read } from "./client.ts";

const finding = z.object({
  check_name: z.string(),
  status: z.enum(["ok", "warn", "fail"]),
  detail: z.nullable(z.string()),
  hint: z.nullable(z.string()),
});
export type Finding = z.infer<typeof finding>;

/** For operators; empty for anybody else. */
export function readDoctor(_key: string, signal?: AbortSignal): Promise<Finding[]> {
  return call("doctor", {}, z.array(finding), signal);
}

const metric = z.object({
  metric: z.string(),
  of: z.nullable(z.string()),
  value: z.nullable(z.number()),
  unit: z.nullable(z.string()),
  description: z.nullable(z.string()),
});
export type Metric = z.infer<typeof metric>;

/** Null: this installation does not tell them yet. */
export function readSelfMetrics(): Promise<Metric[] | null> {
  return orAbsent(read(session.client.from("self_metrics").select().limit(500), z.array(metric)));
}
