// Who may see and change what, and who changed it.

import * as z from "zod/mini";
import { session } from "../session.svelte.ts";
import { change, orAbsent, read } from "./client.ts";

export const roles = ["viewer", "editor", "admin"] as const;
export type Role = (typeof roles)[number];

const member = z.object({
  project_id: z.string(),
  user_id: z.string(),
  role: z.enum(roles),
  created_at: z.string(),
});
export type Member = z.infer<typeof member>;

/** Those of projects that one is an admin of; of others only oneself. */
export async function readMembers(key: { project: string | null }): Promise<Member[]> {
  const query = session.client.from("project_members").select().order("created_at").limit(1000);
  const all = await read(query, z.array(member));
  return key.project === null ? all : all.filter(({ project_id }) => project_id === key.project);
}

export function addMember(one: Omit<Member, "created_at">): Promise<void> {
  return change(session.client.from("project_members").insert(one).select());
}

export function setRole({ project_id, user_id }: Member, role: Role): Promise<void> {
  const table = session.client.from("project_members").update({ role });
  return change(table.eq("project_id", project_id).eq("user_id", user_id).select());
}

export function removeMember({ project_id, user_id }: Member): Promise<void> {
  const table = session.client.from("project_members").delete();
  return change(table.eq("project_id", project_id).eq("user_id", user_id).select());
}

const operator = z.object({ user_id: z.string(), created_at: z.string() });
export type Operator = z.infer<typeof operator>;

export async function readOperators(): Promise<Operator[]> {
  const query = session.client.from("operators").select().order("created_at").limit(1000);
  return (await orAbsent(read(query, z.array(operator)))) ?? [];
}

export function addOperator(user_id: string): Promise<void> {
  return change(session.client.from("operators").insert({ user_id }).select());
}

export function removeOperator(user_id: string): Promise<void> {
  return change(session.client.from("operators").delete().eq("user_id", user_id).select());
}

const changed = z.object({
  change_id: z.number(),
  project_id: z.nullable(z.string()),
  record: z.string(),
  record_id: z.string(),
  record_name: z.nullable(z.string()),
  action: z.enum(["insert", "update", "delete"]),
  before: z.nullable(z.record(z.string(), z.unknown())),
  after: z.nullable(z.record(z.string(), z.unknown())),
  changed_by: z.nullable(z.string()),
  changed_as: z.string(),
  changed_at: z.string(),
});
export type Change = z.infer<typeof changed>;

export type ChangesKey = { project: string | null; record: string; from: string; to: string };

/** The newest 200 of a time; only editors see them. */
export function readChanges({ project, record, from, to }: ChangesKey): Promise<Change[]> {
  let query = session.client
    .from("configuration_changes")
    .select()
    .gte("changed_at", from)
    .lt("changed_at", to);
  if (project !== null) query = query.eq("project_id", project);
  if (record) query = query.eq("record", record);
  return read(query.order("change_id", { ascending: false }).limit(200), z.array(changed));
}
