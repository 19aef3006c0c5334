// A Sentry and a Rollbar on loopback, as far as they matter to whoever sends: they check the key and
// the form, know an event that came before, and answer what a test says.

import assert from "node:assert/strict";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { parseEnvelope, type Event } from "@sentry/core";

export type Reply = { status: number; headers?: Record<string, string>; delayMs?: number };

export type SentryDouble = {
  host: string;
  dsn: string;
  /** Each request, whatever it was answered, in the order in which they came. */
  requests: { eventId: string; answered: number }[];
  /** What it holds: each event once, as Sentry's own SDK reads it. */
  events: Map<string, Event>;
  /** Rollbar's items by their uuid. */
  items: Map<string, Record<string, unknown>>;
  /** How often an event came that it held already. */
  repetitions: () => number;
  /** From now on; undefined: as it should. */
  answer: (reply?: (nth: number) => Reply | undefined) => void;
  stop: () => Promise<void>;
};

export const sentryKey = "0123456789abcdef0123456789abcdef";
export const rollbarToken = "a-post-server-item-token";

/** With a length before it, the SDK reads an item as bytes. */
function eventOf(body: string): Event {
  const payload: unknown = parseEnvelope(body)[1][0]?.[1];
  assert.ok(payload instanceof Uint8Array);
  return JSON.parse(new TextDecoder().decode(payload)) as Event;
}

export async function startSentry(): Promise<SentryDouble> {
  const requests: SentryDouble["requests"] = [];
  const events: SentryDouble["events"] = new Map();
  const items: SentryDouble["items"] = new Map();
  let repetitions = 0;
  let nth = 0;
  let reply: (nth: number) => Reply | undefined = () => undefined;

  const receive = (request: IncomingMessage, body: string): { id: string; status: number } => {
    if (request.url === "/api/1/item/") {
      if (request.headers["x-rollbar-access-token"] !== rollbarToken)
        return { id: "", status: 401 };
      const { data } = JSON.parse(body) as { data: Record<string, unknown> };
      return { id: String(data["uuid"]), status: 200 };
    }
    if (request.method !== "POST" || request.url !== "/api/7/envelope/") {
      return { id: "", status: 404 };
    }
    const auth = String(request.headers["x-sentry-auth"]);
    if (!/^Sentry .*sentry_version=7\b/.test(auth) || !auth.includes(`sentry_key=${sentryKey}`)) {
      return { id: "", status: 403 };
    }
    const [header, envelopeItems] = parseEnvelope(body);
    assert.equal(envelopeItems.length, 1, "an envelope holds one event at most");
    assert.equal(envelopeItems[0]?.[0].type, "event");
    const event = eventOf(body);
    assert.equal(header["event_id"], event.event_id);
    const age = Math.abs(Date.now() - Date.parse(String(header["sent_at"])));
    assert.ok(Number.isFinite(age), "sent_at is a time");
    return { id: event.event_id ?? "", status: 200 };
  };

  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const body = Buffer.concat(chunks).toString("utf8");
      let received: { id: string; status: number };
      try {
        received = receive(request, body);
      } catch {
        received = { id: "", status: 400 };
      }
      const told = reply(++nth);
      const status = told?.status ?? received.status;
      requests.push({ eventId: received.id, answered: status });
      if (status === 200 && request.url === "/api/1/item/") {
        const { data } = JSON.parse(body) as { data: Record<string, unknown> };
        items.set(received.id, data);
      } else if (status === 200) {
        if (events.has(received.id)) repetitions += 1;
        events.set(received.id, eventOf(body));
      }
      const answer = (): void => {
        response.writeHead(status, { "content-type": "application/json", ...told?.headers });
        response.end(JSON.stringify(status === 200 ? { id: received.id } : { detail: "refused" }));
      };
      if (told?.delayMs === undefined) answer();
      else setTimeout(answer, told.delayMs);
    });
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    host,
    dsn: `http://${sentryKey}@${host}/7`,
    requests,
    events,
    items,
    repetitions: () => repetitions,
    answer: (next) => void (reply = next ?? (() => undefined)),
    stop: async () => {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}
