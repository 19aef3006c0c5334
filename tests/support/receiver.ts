// A receiver of webhooks that fares as a test says, and keeps what came: over real sockets, since
// half of what goes wrong cannot be said in HTTP.

import { createServer, type Server, type Socket } from "node:net";
import type { AddressInfo } from "node:net";

export type Arrival = { path: string; id: string; headers: Map<string, string>; body: string };

/** What a request is answered; `raw` is written as it is. */
export type Reply =
  | { status: number; headers?: Record<string, string>; body?: string; delayMs?: number }
  | { raw: string }
  | { reset: true }
  | { silence: true }
  /** A byte of an endless head at a time. */
  | { dripMs: number };

export type FaultyReceiver = {
  host: string;
  url: string;
  arrivals: readonly Arrival[];
  /** How often each id was answered 2xx. */
  accepted: ReadonlyMap<string, number>;
  stop: () => Promise<void>;
};

export async function startFaultyReceiver(
  reply: (arrival: Arrival, nth: number) => Reply,
): Promise<FaultyReceiver> {
  const arrivals: Arrival[] = [];
  const accepted = new Map<string, number>();
  const seen = new Map<string, number>();
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    let text = "";
    let timer: NodeJS.Timeout | undefined;
    socket.on("error", () => undefined);
    socket.on("close", () => {
      clearTimeout(timer);
      sockets.delete(socket);
    });
    socket.on("data", (chunk) => {
      text += chunk.toString("utf8");
      const arrival = parse(text);
      if (arrival === undefined) return;
      text = "";
      arrivals.push(arrival);
      const nth = (seen.get(arrival.id) ?? 0) + 1;
      seen.set(arrival.id, nth);
      const given = reply(arrival, nth);
      if ("reset" in given) socket.resetAndDestroy();
      else if ("raw" in given) socket.end(given.raw);
      else if ("silence" in given) return;
      else if ("dripMs" in given) {
        socket.write("HTTP/1.1 200 OK\r\nx-drip: ");
        timer = setInterval(() => socket.write("x"), given.dripMs);
      } else {
        if (given.status >= 200 && given.status < 300) {
          accepted.set(arrival.id, (accepted.get(arrival.id) ?? 0) + 1);
        }
        const answer = (): void => void socket.end(answerOf(given));
        if (given.delayMs === undefined) answer();
        else timer = setTimeout(answer, given.delayMs);
      }
    });
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address() as AddressInfo;
  return {
    host: `127.0.0.1:${port}`,
    url: `http://127.0.0.1:${port}`,
    arrivals,
    accepted,
    stop: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((done) => server.close(done));
    },
  };
}

/** The whole request, once all of it is there. */
function parse(text: string): Arrival | undefined {
  const end = text.indexOf("\r\n\r\n");
  if (end < 0) return undefined;
  const [first = "", ...lines] = text.slice(0, end).split("\r\n");
  const headers = new Map(
    lines.map((line) => {
      const colon = line.indexOf(":");
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
    }),
  );
  const body = text.slice(end + 4);
  if (Buffer.byteLength(body) < Number(headers.get("content-length") ?? 0)) return undefined;
  const id = headers.get("webhook-id") ?? headers.get("idempotency-key") ?? "";
  return { path: first.split(" ")[1] ?? "", id, headers, body };
}

function answerOf({ status, headers = {}, body = "" }: Extract<Reply, { status: number }>): string {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return (
    `HTTP/1.1 ${status} Told\r\n${lines.join("")}content-length: ${Buffer.byteLength(body)}\r\n` +
    `connection: close\r\n\r\n${body}`
  );
}
