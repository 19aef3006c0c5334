// Realtime's double: what the database sends with realtime.send() comes to the real supabase-js
// client of a page, over the Phoenix protocol in its second version: [join_ref, ref, topic, event,
// payload].

import pg from "pg";
import type { BrowserContext, WebSocketRoute } from "playwright-core";
import { z } from "zod";
import type { Stack } from "../../dev/stack.ts";
import { superuser } from "../../dev/postgres.ts";

const frameSchema = z.tuple([
  z.string().nullable(),
  z.string().nullable(),
  z.string(),
  z.string(),
  z.record(z.string(), z.unknown()),
]);
const hintSchema = z.object({
  topic: z.string(),
  event: z.string(),
  payload: z.record(z.string(), z.unknown()),
});

export type Realtime = {
  /** Answers the sockets of the pages of a context. */
  serve: (context: BrowserContext) => Promise<void>;
  /** The topics that pages have joined, with the token that they showed. */
  joined: Map<string, string>;
  /** When the database sent each hint. */
  hints: { event: string; topic: string; at: number }[];
  /** Loses every connection, as when a network goes. */
  cut: () => Promise<void>;
  stop: () => Promise<void>;
};

export async function startRealtime(stack: Stack): Promise<Realtime> {
  const url = Object.assign(new URL(stack.databaseUrl), { username: superuser });
  const db = new pg.Client({ connectionString: url.href });
  await db.connect();
  await db.query(`
    create schema if not exists realtime;
    grant usage on schema realtime to public;
    create function realtime.send(payload jsonb, event text, topic text, private boolean)
    returns void language sql as $$
      select pg_notify('realtime', jsonb_build_object('payload', payload, 'event', event,
        'topic', topic)::text)
    $$;
    listen realtime`);

  const sockets = new Map<WebSocketRoute, Set<string>>();
  const joined = new Map<string, string>();
  const hints: Realtime["hints"] = [];

  db.on("notification", ({ payload: text }) => {
    const { topic, event, payload } = hintSchema.parse(JSON.parse(text ?? "{}"));
    hints.push({ event, topic, at: Date.now() });
    for (const [socket, topics] of sockets) {
      const name = `realtime:${topic}`;
      if (!topics.has(name)) continue;
      const broadcast = { type: "broadcast", event, payload };
      socket.send(JSON.stringify([null, null, name, "broadcast", broadcast]));
    }
  });

  const answer = (socket: WebSocketRoute, message: string | Buffer): void => {
    const frame = frameSchema.parse(JSON.parse(message.toString()));
    const [joinRef, ref, topic, event, payload] = frame;
    if (event === "phx_join") {
      sockets.get(socket)?.add(topic);
      joined.set(topic, z.string().parse(payload["access_token"]));
    }
    if (event === "phx_leave") sockets.get(socket)?.delete(topic);
    if (ref === null) return;
    const reply = { status: "ok", response: { postgres_changes: [] } };
    socket.send(JSON.stringify([joinRef, ref, topic, "phx_reply", reply]));
  };

  return {
    joined,
    hints,
    serve: async (context) => {
      // The stack has none, and its config says so.
      await context.route("**/config.json", async (route) => {
        const response = await route.fetch();
        const config = z.record(z.string(), z.unknown()).parse(await response.json());
        await route.fulfill({ json: { ...config, realtime: true } });
      });
      await context.routeWebSocket(/\/realtime\/v1\/websocket/, (socket) => {
        sockets.set(socket, new Set());
        socket.onMessage((message) => answer(socket, message));
        socket.onClose(() => sockets.delete(socket));
      });
    },
    cut: async () => {
      for (const socket of sockets.keys()) await socket.close({ code: 1012 });
      sockets.clear();
      joined.clear();
    },
    stop: () => db.end(),
  };
}
