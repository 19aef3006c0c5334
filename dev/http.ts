// Serves a fetch handler (Request → Response) with Node's HTTP server, on the loopback address.

import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { Readable } from "node:stream";
import type { ReadableStream } from "node:stream/web";
import { pipeline } from "node:stream/promises";
import { settledWithin } from "./patience.ts";

export type Handler = (request: Request) => Promise<Response> | Response;
export type HttpServer = { port: number; url: string; stop: () => Promise<void> };

export async function serveFetch(port: number, handler: Handler): Promise<HttpServer> {
  const atWork = new Set<Promise<Response>>();
  const server = createServer((incoming, outgoing) => {
    const response = respond(toRequest(incoming, outgoing), handler);
    atWork.add(response);
    response
      .finally(() => atWork.delete(response))
      .then((made) => send(made, outgoing))
      .catch(() => outgoing.destroy());
  });
  await new Promise<void>((done, fail) => {
    server.once("error", fail);
    server.listen({ port, host: "127.0.0.1" }, done);
  });
  const address = server.address();
  const bound = typeof address === "object" && address ? address.port : port;
  return {
    port: bound,
    url: `http://127.0.0.1:${bound}`,
    stop: async () => {
      const closed = new Promise((done) => server.close(done));
      // What is being worked on is finished first: it may hold a database connection.
      await settledWithin(1_000, Promise.allSettled(atWork));
      server.closeAllConnections();
      await closed;
    },
  };
}

async function respond(request: Request, handler: Handler): Promise<Response> {
  try {
    return await handler(request);
  } catch (error) {
    // The caller has gone, so nobody wants to know.
    if (!request.signal.aborted) console.error(error);
    const message = "The local stack failed to answer. The terminal that runs it says why.";
    return Response.json({ error: { code: "unexpected", message } }, { status: 500 });
  }
}

async function send(response: Response, outgoing: ServerResponse): Promise<void> {
  outgoing.statusCode = response.status;
  for (const [name, value] of response.headers) {
    if (name !== "set-cookie") outgoing.setHeader(name, value);
  }
  const cookies = response.headers.getSetCookie();
  if (cookies.length > 0) outgoing.setHeader("set-cookie", cookies);
  if (response.body) {
    await pipeline(Readable.fromWeb(response.body as ReadableStream<Uint8Array>), outgoing);
  } else {
    outgoing.end();
  }
}

function toRequest(incoming: IncomingMessage, outgoing: ServerResponse): Request {
  const headers = new Headers();
  for (let i = 0; i + 1 < incoming.rawHeaders.length; i += 2) {
    headers.append(incoming.rawHeaders[i] ?? "", incoming.rawHeaders[i + 1] ?? "");
  }
  const gone = new AbortController();
  outgoing.once("close", () => {
    if (!outgoing.writableFinished) gone.abort();
  });
  const hasBody = incoming.method !== "GET" && incoming.method !== "HEAD";
  const host = incoming.headers.host ?? "127.0.0.1";
  return new Request(new URL(incoming.url ?? "/", `http://${host}`), {
    method: incoming.method ?? "GET",
    headers,
    signal: gone.signal,
    ...(hasBody ? { body: Readable.toWeb(incoming), duplex: "half" } : {}),
  });
}
