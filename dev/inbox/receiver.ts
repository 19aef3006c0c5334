// A webhook receiver for the local stack: it verifies what comes as any receiver would, with the
// standardwebhooks package, and shows it.
//
//   POST /hooks/:name   takes a webhook
//   GET  /ping          takes a heartbeat
//   GET  /              the page
//   GET  /_messages     everything, newest first; DELETE empties it
//   POST /_control      {"hook": "ops", "answers": [{"status": 500, "times": 2}]}: what the next
//                       requests are answered; without "hook", whichever hook they come to

import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { Webhook } from "standardwebhooks";
import { z } from "zod";
import { serveFetch } from "../http.ts";
import { Store } from "./store.ts";
import { changes, json, notFound, pageFile, parseJson, problem, readText } from "./web.ts";

export const hookMessageSchema = z.object({
  id: z.string(),
  hook: z.string(),
  received_at: z.string(),
  webhook_id: z.string().nullable(),
  /** Which attempt this is of those that came under the same webhook-id, from 1. */
  attempt: z.number(),
  verified: z.boolean(),
  /** Why it is not verified. */
  reason: z.string().nullable(),
  headers: z.record(z.string(), z.string()),
  body: z.string(),
  answered: z.number(),
});

export type HookMessage = z.infer<typeof hookMessageSchema>;

export const answerSchema = z.object({
  status: z.number().int().min(200).max(599).default(200),
  times: z.number().int().min(1).default(1),
  /** Seconds, or an HTTP date. */
  retryAfter: z.union([z.number(), z.string()]).optional(),
  /** Where a redirect points. */
  location: z.string().optional(),
  delayMs: z.number().int().min(0).default(0),
  body: z.string().optional(),
});

type PlannedAnswer = z.infer<typeof answerSchema>;

export type ReceiverOptions = {
  /** On 127.0.0.1; 0 takes a free one. */
  port: number;
  /** The secrets that signatures are checked with; asked for each time, so that they can change. */
  secrets: () => Promise<string[]> | string[];
  file?: string;
  keep?: number;
  now?: () => Date;
};

export type Receiver = {
  port: number;
  url: string;
  /** Newest first. */
  messages: () => readonly HookMessage[];
  waitFor: (fits: (message: HookMessage) => boolean, timeoutMs?: number) => Promise<HookMessage>;
  answer: (answers: z.input<typeof answerSchema>[], hook?: string) => void;
  clear: () => void;
  stop: () => Promise<void>;
};

const everyHook = "*";
const control = z.object({ hook: z.string().default(everyHook), answers: z.array(answerSchema) });

export async function startReceiver(options: ReceiverOptions): Promise<Receiver> {
  const now = options.now ?? (() => new Date());
  const store = new Store({
    schema: hookMessageSchema,
    keep: options.keep ?? 500,
    file: options.file,
  });
  const planned = new Map<string, PlannedAnswer[]>();

  const server = await serveFetch(options.port, async (request) => {
    const { pathname } = new URL(request.url);
    const route = `${request.method} ${pathname}`;
    const hook = /^\/hooks\/([\w.-]{1,100})$/.exec(pathname)?.[1];
    if (hook !== undefined) {
      if (request.method !== "POST") return problem(405, "method_not_allowed", "POST to it.");
      return await takeHook(hook, request);
    }
    if (route === "GET /ping") return json({ status: "ok" });
    if (route === "POST /_control") return await takeControl(request);
    if (route === "GET /_messages") return json({ messages: store.entries });
    if (route === "DELETE /_messages") {
      store.clear();
      return json({ messages: [] });
    }
    if (route === "GET /_events") return changes((listener) => store.onChange(listener));
    if (route === "GET /") return pageFile("receiver.html") ?? notFound();
    return (request.method === "GET" && pageFile(pathname.slice(1))) || notFound();
  });

  async function takeHook(hook: string, request: Request): Promise<Response> {
    const body = await readText(request, 1_000_000);
    if (body === undefined) return problem(413, "too_large", "That is more than 1 MB.");
    const headers = Object.fromEntries(request.headers);
    const reason = await check(body, headers);
    const answer = nextAnswer(hook);
    const id = headers["webhook-id"] ?? null;
    const status = answer?.status ?? (reason === null ? 200 : 401);
    const same = store.entries.filter((entry) => id !== null && entry.webhook_id === id);
    store.add({
      id: randomUUID(),
      hook,
      received_at: now().toISOString(),
      webhook_id: id,
      attempt: same.length + 1,
      verified: reason === null,
      reason,
      headers,
      body,
      answered: status,
    });
    if (answer !== undefined && answer.delayMs > 0) await sleep(answer.delayMs);
    return respond(status, reason, answer);
  }

  /** Why the signature does not hold, or null when it does. */
  async function check(body: string, headers: Record<string, string>): Promise<string | null> {
    const secrets = await options.secrets();
    if (secrets.length === 0) return "The receiver knows no secret to check it with";
    let reason = "No matching signature found";
    for (const secret of secrets) {
      try {
        new Webhook(secret).verify(body, headers, { jsonParse: false });
        return null;
      } catch (error) {
        reason = error instanceof Error ? error.message : String(error);
      }
    }
    return reason;
  }

  function nextAnswer(hook: string): PlannedAnswer | undefined {
    const queue = [hook, everyHook]
      .map((name) => planned.get(name) ?? [])
      .find((q) => q.length > 0);
    const answer = queue?.[0];
    if (answer === undefined) return undefined;
    answer.times -= 1;
    if (answer.times <= 0) queue?.shift();
    return answer;
  }

  async function takeControl(request: Request): Promise<Response> {
    const parsed = control.safeParse(parseJson((await readText(request)) ?? ""));
    if (!parsed.success) {
      return problem(400, "invalid_body", 'Wanted: {"answers": […]}', parsed.error.issues);
    }
    planned.set(parsed.data.hook, parsed.data.answers);
    return json(parsed.data);
  }

  return {
    port: server.port,
    url: server.url,
    messages: () => store.entries,
    waitFor: (fits, timeoutMs = 10_000) => store.waitFor(fits, timeoutMs),
    answer: (answers, hook = everyHook) => {
      planned.set(
        hook,
        answers.map((answer) => answerSchema.parse(answer)),
      );
    },
    clear: () => store.clear(),
    stop: async () => {
      await server.stop();
      store.flush();
    },
  };
}

function respond(status: number, reason: string | null, answer?: PlannedAnswer): Response {
  const headers = new Headers({ "content-type": "application/json" });
  if (answer?.retryAfter !== undefined) headers.set("retry-after", String(answer.retryAfter));
  if (answer?.location !== undefined) headers.set("location", answer.location);
  if (status === 204 || status === 304) return new Response(null, { status, headers });
  const usual = JSON.stringify(reason === null ? { ok: status < 300 } : { error: reason });
  return new Response(answer?.body ?? usual, { status, headers });
}
