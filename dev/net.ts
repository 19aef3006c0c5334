// The worker behind the stand-in for pg_net: sends what lies in net.http_request_queue.
//
// As the real one: it sees a request only when the transaction that made it has committed; takes at
// most 200 at once, in one transaction that ends when the slowest has been answered, so that until
// then all of them are seen waiting, and their answers carry the time at which it began; never tries
// again; writes what came back to net._http_response and forgets it after six hours.

import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import type { Worker } from "./cron.ts";

export type NetOptions = {
  /** A superuser's connection string for the database whose requests are to be sent. */
  url: string;
  log?: (line: string) => void;
};

type Request = {
  id: string;
  method: string;
  url: string;
  headers: Record<string, string> | null;
  body: Buffer | null;
  timeout_milliseconds: number;
};

type Response = {
  status: number | null;
  contentType: string | null;
  headers: Record<string, string> | null;
  content: string | null;
  timedOut: boolean;
  error: string | null;
};

const batchSize = 200;

export async function startNet(options: NetOptions): Promise<Worker> {
  let stopping = false;
  let wake: () => void = () => undefined;
  let client: pg.Client | undefined;

  const connect = async (): Promise<pg.Client> => {
    const opened = new pg.Client({
      connectionString: options.url,
      application_name: "pg_net worker",
    });
    const forget = (): void => {
      client = undefined;
    };
    opened.on("error", forget);
    opened.on("end", forget);
    opened.on("notification", () => wake());
    await opened.connect();
    await opened.query("listen pg_net_wake");
    return opened;
  };

  const work = async (): Promise<void> => {
    while (!stopping) {
      let sent = 0;
      try {
        client ??= await connect();
        sent = await sendBatch(client);
      } catch (error) {
        if (!stopping) options.log?.(`net: ${String(error)}`);
      }
      if (sent < batchSize && !stopping) {
        const woken = new Promise<void>((done) => (wake = done));
        await Promise.race([woken, sleep(1000)]);
      }
    }
  };

  client = await connect();
  const loop = work();
  return {
    stop: async () => {
      stopping = true;
      wake();
      await loop;
      await client?.end();
    },
  };
}

async function sendBatch(client: pg.Client): Promise<number> {
  const installed = await client.query(
    "select 1 where to_regclass('net.http_request_queue') is not null",
  );
  if (installed.rowCount === 0) return 0;
  await client.query("begin");
  try {
    const sent = await sendTaken(client);
    await client.query("commit");
    return sent;
  } catch (error) {
    await client.query("rollback").catch(() => undefined);
    throw error;
  }
}

async function sendTaken(client: pg.Client): Promise<number> {
  await client.query("delete from net._http_response where created < now() - interval '6 hours'");
  const { rows } = await client.query<Request>(
    `delete from net.http_request_queue
     where id in (select id from net.http_request_queue order by id limit ${batchSize})
     returning *`,
  );
  const responses = await Promise.all(rows.map(send));
  for (const [index, response] of responses.entries()) {
    await client.query(
      `insert into net._http_response
         (id, status_code, content_type, headers, content, timed_out, error_msg)
       values ($1, $2, $3, $4, $5, $6, $7)`,
      [
        rows[index]?.id,
        response.status,
        response.contentType,
        response.headers,
        response.content,
        response.timedOut,
        response.error,
      ],
    );
  }
  return rows.length;
}

async function send(request: Request): Promise<Response> {
  const nothing = { status: null, contentType: null, headers: null, content: null };
  try {
    const response = await fetch(request.url, {
      method: request.method.toUpperCase(),
      headers: { "user-agent": "pg_net/0.14.0", ...request.headers },
      body: request.body ? new Uint8Array(request.body) : null,
      signal: AbortSignal.timeout(request.timeout_milliseconds),
    });
    const content = await response.text();
    return {
      status: response.status,
      contentType: response.headers.get("content-type"),
      headers: Object.fromEntries(response.headers),
      // PostgreSQL's text cannot hold it.
      content: content.replaceAll("\0", ""),
      timedOut: false,
      error: null,
    };
  } catch (error) {
    if (error instanceof Error && error.name === "TimeoutError") {
      const message = `Timeout of ${request.timeout_milliseconds} ms reached.`;
      return { ...nothing, timedOut: true, error: message };
    }
    const cause = error instanceof Error ? (error.cause ?? error) : error;
    return { ...nothing, timedOut: false, error: `Couldn't connect to server: ${String(cause)}` };
  }
}
