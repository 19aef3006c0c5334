// The inbox of the local stack: it takes what Resend would be asked to send, and shows it.
//
//   POST /emails            as Resend's API
//   GET  /                  the page
//   GET  /_messages         everything, newest first; DELETE empties it
//   GET  /_messages/:id     one; /_messages/:id/html is its HTML alone, in a sandbox, and with
//                           ?scheme=light or dark in those colours
//   POST /_control          {"fail": [{"status": 500, "times": 2}]}: how the next requests fare

import { z } from "zod";
import { serveFetch } from "../http.ts";
import {
  checkKey,
  failureSchema,
  messageSchema,
  refuse,
  refuseAsAsked,
  sendEmail,
  type Answer,
  type Failure,
  type Message,
} from "./resend.ts";
import { Store } from "./store.ts";
import { changes, json, notFound, pageFile, parseJson, problem, readText } from "./web.ts";

export type { Message } from "./resend.ts";

export type InboxOptions = {
  /** On 127.0.0.1; 0 takes a free one. */
  port: number;
  /** Where messages are kept between starts. */
  file?: string;
  /** How many are kept. */
  keep?: number;
  /** The keys that are accepted: any that looks like one of Resend's, if not given. */
  keys?: string[];
  now?: () => Date;
};

export type Inbox = {
  port: number;
  url: string;
  /** Newest first. */
  messages: () => readonly Message[];
  waitFor: (fits: (message: Message) => boolean, timeoutMs?: number) => Promise<Message>;
  fail: (failures: z.input<typeof failureSchema>[]) => void;
  clear: () => void;
  stop: () => Promise<void>;
};

const control = z.object({ fail: z.array(failureSchema) });

export async function startInbox(options: InboxOptions): Promise<Inbox> {
  const now = options.now ?? (() => new Date());
  const store = new Store({
    schema: messageSchema,
    keep: options.keep ?? 500,
    file: options.file,
  });
  const failures: Failure[] = [];

  const server = await serveFetch(options.port, async (request) => {
    const { pathname, searchParams } = new URL(request.url);
    const route = `${request.method} ${pathname}`;
    if (route === "POST /emails") return toResponse(await takeEmail(request));
    if (route === "POST /_control") return await takeControl(request);
    if (route === "GET /_messages") return json({ messages: store.entries });
    if (route === "DELETE /_messages") {
      store.clear();
      return json({ messages: [] });
    }
    if (route === "GET /_list") return json({ messages: store.entries.map(summary) });
    if (route === "GET /_events") return changes((listener) => store.onChange(listener));
    if (route === "GET /") return pageFile("inbox.html") ?? notFound();
    if (request.method !== "GET") return notFound();
    const [, id, part] = /^\/_messages\/([\w-]+)(\/html)?$/.exec(pathname) ?? [];
    if (id === undefined) return pageFile(pathname.slice(1)) ?? notFound();
    const message = store.entries.find((entry) => entry.id === id);
    if (message === undefined) return notFound();
    return part === undefined
      ? json(message)
      : sandboxed(inScheme(message.html, searchParams.get("scheme")));
  });

  async function takeEmail(request: Request): Promise<Answer> {
    const text = await readText(request);
    const failure = failures[0];
    if (failure !== undefined) {
      failure.times -= 1;
      if (failure.times <= 0) failures.shift();
      if (failure.delayMs > 0) await new Promise((done) => setTimeout(done, failure.delayMs));
      return refuseAsAsked(failure);
    }
    const refused = checkKey(request.headers.get("authorization"), options.keys);
    if (refused !== undefined) return refused;
    if (text === undefined) return refuse(422, "validation_error", "The request is too large.");
    const key = request.headers.get("idempotency-key");
    const answer = sendEmail(text, key, store.entries, now());
    if (answer.message !== undefined) store.add(answer.message);
    else if (answer.status === 200) store.changed();
    return answer;
  }

  async function takeControl(request: Request): Promise<Response> {
    const parsed = control.safeParse(parseJson((await readText(request)) ?? ""));
    if (!parsed.success) {
      return problem(400, "invalid_body", 'Wanted: {"fail": […]}', parsed.error.issues);
    }
    failures.splice(0, Infinity, ...parsed.data.fail);
    return json({ fail: failures });
  }

  return {
    port: server.port,
    url: server.url,
    messages: () => store.entries,
    waitFor: (fits, timeoutMs = 10_000) => store.waitFor(fits, timeoutMs),
    fail: (list) => {
      failures.splice(0, Infinity, ...list.map((failure) => failureSchema.parse(failure)));
    },
    clear: () => store.clear(),
    stop: async () => {
      await server.stop();
      store.flush();
    },
  };
}

function toResponse({ status, body, headers = {} }: Answer): Response {
  return json(body, status, {
    "ratelimit-limit": "5",
    "ratelimit-remaining": status === 429 ? "0" : "4",
    "ratelimit-reset": "1",
    ...headers,
  });
}

/** What the list of the page needs. */
function summary({ id, received_at, from, to, subject, tags, repeat_count }: Message) {
  return { id, received_at, from, to, subject, tags, repeat_count };
}

/** The email as a mail program in light or dark shows it, whatever the browser is in. */
function inScheme(html: string, scheme: string | null): string {
  if (scheme !== "light" && scheme !== "dark") return html;
  return html.replace(/@media\s*\(prefers-color-scheme:\s*(light|dark)\)/g, (_, wanted) =>
    wanted === scheme ? "@media all" : "@media not all",
  );
}

/**
 * An email's HTML as it came, where it can run nothing, load nothing and send nothing; its links
 * open a tab of their own.
 */
function sandboxed(html: string): Response {
  return new Response(
    `<base target="_blank">${html}`.replace(/^(<base[^>]*>)(<!doctype[^>]*>)/i, "$2$1"),
    {
      headers: {
        "content-type": "text/html; charset=utf-8",
        "cache-control": "no-store",
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "content-security-policy":
          "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; " +
          "style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'",
      },
    },
  );
}
