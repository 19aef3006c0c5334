// Channels: where notifications go, how they fare, and the routes that add them.

import * as z from "zod/mini";
import { session } from "../session.svelte.ts";
import { call, change, read } from "./client.ts";

export const channelKinds = ["email", "webhook", "slack", "sms", "alertmanager"] as const;
export type ChannelKind = (typeof channelKinds)[number];

const channel = z.object({
  channel_id: z.string(),
  project_id: z.nullable(z.string()),
  name: z.string(),
  kind: z.enum(channelKinds),
  recipients: z.array(z.string()),
  url: z.nullable(z.string()),
  headers: z.record(z.string(), z.unknown()),
  is_enabled: z.boolean(),
});
const state = z.object({
  channel_id: z.string(),
  state: z.enum(["closed", "open", "half_open"]),
  retry_at: z.nullable(z.string()),
  failures_in_a_row: z.number(),
  failing_since: z.nullable(z.string()),
  last_success_at: z.nullable(z.string()),
  last_error: z.nullable(z.string()),
  disabled_at: z.nullable(z.string()),
  disabled_reason: z.nullable(z.string()),
});
export type Channel = z.infer<typeof channel> & { fares: z.infer<typeof state> | undefined };
export type ChannelDraft = Omit<z.infer<typeof channel>, "channel_id"> & { channel_id?: string };

type Key = { project: string | null };

/** Those that one may edit: nobody else sees them. */
export async function readChannels({ project }: Key): Promise<Channel[]> {
  const { client } = session;
  const [channels, states] = await Promise.all([
    read(client.from("alert_channels").select().order("name").limit(1000), z.array(channel)),
    read(client.from("channel_states").select().limit(1000), z.array(state)),
  ]);
  return channels
    .filter(({ project_id }) => project === null || project_id === project)
    .map((one) => ({ ...one, fares: states.find((is) => is.channel_id === one.channel_id) }));
}

export function saveChannel({ channel_id, ...row }: ChannelDraft): Promise<void> {
  const table = session.client.from("alert_channels");
  return change(
    channel_id
      ? table.update(row).eq("channel_id", channel_id).select()
      : table.insert(row).select(),
  );
}

export function switchChannel(id: string, is_enabled: boolean): Promise<void> {
  const table = session.client.from("alert_channels");
  return change(table.update({ is_enabled }).eq("channel_id", id).select());
}

export function removeChannel(id: string): Promise<void> {
  return change(session.client.from("alert_channels").delete().eq("channel_id", id).select());
}

/** The secret with which a webhook signs. */
export function readSecret(id: string): Promise<string | null> {
  return call("channel_secret", { p_channel_id: id }, z.nullable(z.string()));
}

/** A new secret; the old one goes on signing beside it for so long. */
export function rotateSecret(id: string, overlap: string): Promise<string> {
  return call("rotate_channel_secret", { p_channel_id: id, p_overlap: overlap }, z.string());
}

const route = z.object({
  route_id: z.string(),
  project_id: z.nullable(z.string()),
  name: z.string(),
  channel_id: z.string(),
  kind: z.nullable(z.string()),
  min_severity: z.enum(["low", "medium", "high"]),
  workflow_pattern: z.string(),
  is_enabled: z.boolean(),
});
export type Route = z.infer<typeof route>;
export type RouteDraft = Omit<Route, "route_id"> & { route_id?: string };

export async function readRoutes({ project }: Key): Promise<Route[]> {
  const query = session.client.from("alert_routes").select().order("name").limit(1000);
  const all = await read(query, z.array(route));
  return project === null ? all : all.filter(({ project_id }) => project_id === project);
}

export function saveRoute({ route_id, ...row }: RouteDraft): Promise<void> {
  const table = session.client.from("alert_routes");
  return change(
    route_id ? table.update(row).eq("route_id", route_id).select() : table.insert(row).select(),
  );
}

export function removeRoute(id: string): Promise<void> {
  return change(session.client.from("alert_routes").delete().eq("route_id", id).select());
}
