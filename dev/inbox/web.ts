// What the inbox and the receiver have in common: answers, pages, and the stream that tells an open
// page that something has changed.

import { readFileSync } from "node:fs";
import { join } from "node:path";

const pages = join(import.meta.dirname, "pages");

const types = { css: "text/css", js: "text/javascript", html: "text/html" };

/** Pages run their own script and style and nothing else; whatever they show is text. */
const pagePolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "frame-src 'self'",
  "img-src data:",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

/** The files of the pages, and only those: `name` is one of theirs or nothing is found. */
export function pageFile(name: string): Response | undefined {
  const extension = /^[a-z]+\.(css|js|html)$/.exec(name)?.[1] as keyof typeof types | undefined;
  if (extension === undefined) return undefined;
  let content: string;
  try {
    content = readFileSync(join(pages, name), "utf8");
  } catch {
    return undefined;
  }
  return new Response(content, {
    headers: {
      "content-type": `${types[extension]}; charset=utf-8`,
      "cache-control": "no-store",
      "content-security-policy": pagePolicy,
      "x-content-type-options": "nosniff",
      "referrer-policy": "no-referrer",
    },
  });
}

export function json(body: unknown, status = 200, headers: Record<string, string> = {}): Response {
  return Response.json(body, { status, headers: { "cache-control": "no-store", ...headers } });
}

export function problem(status: number, code: string, message: string, issues?: unknown): Response {
  return json({ error: { code, message, ...(issues === undefined ? {} : { issues }) } }, status);
}

export function notFound(): Response {
  return problem(404, "not_found", "There is no such address here.");
}

export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** A request's text, at most `limit` characters of it; undefined when there is more. */
export async function readText(request: Request, limit = 5_000_000): Promise<string | undefined> {
  let text = "";
  const decoder = new TextDecoder();
  for await (const chunk of request.body ?? []) {
    text += decoder.decode(chunk as Uint8Array, { stream: true });
    if (text.length > limit) return undefined;
  }
  return text;
}

/** Server-sent events: a line at each change, and one now and then that keeps the stream open. */
export function changes(onChange: (listener: () => void) => () => void): Response {
  const encoder = new TextEncoder();
  let end = () => {};
  const stream = new ReadableStream<Uint8Array>({
    start(controller) {
      const send = (text: string) => controller.enqueue(encoder.encode(text));
      const heartbeat = setInterval(() => send(": still here\n\n"), 20_000);
      heartbeat.unref();
      const stop = onChange(() => send("event: change\ndata: {}\n\n"));
      end = () => {
        clearInterval(heartbeat);
        stop();
      };
      send("retry: 1000\n\n");
    },
    cancel: () => end(),
  });
  return new Response(stream, {
    headers: { "content-type": "text/event-stream", "cache-control": "no-store" },
  });
}
