// Wrappers of request handlers: what they answer and what they throw is passed on as it is, and
// reported if it is a failure. No body is read: neither the request's nor the response's.

import { statusOf } from "./describe.ts";
import { holdEdgeFunction } from "./runtime.ts";
import type { ErrorContext, ErrorEvent, Tocsin } from "./types.ts";

/** What was reported here and thrown on: whoever catches it next need not report it again. */
export const reported = new WeakSet<object>();

export interface WatchOptions {
  /** What the handler is called; by default the request's path, its ids left out. */
  component?: string;
  /** Which answers are reported; by default, see each wrapper. */
  reports?: (status: number) => boolean;
  /** What else is known of a request, such as its workflow. */
  context?: (request: Request) => ErrorContext;
}

type Handler<A extends unknown[], R> = (...args: A) => R | Promise<R>;

/**
 * For what takes webhooks: `(Request) => Response`, or an endpoint of SvelteKit. A delivery that it
 * rejects or fails (any status from 400) leaves no row anywhere else, so it is reported.
 *
 * @example
 * Deno.serve(withWebhookReporting(tocsin, handle, { component: "orders-intake" }));
 */
export function withWebhookReporting<A extends unknown[], R>(
  tocsin: Tocsin,
  handler: Handler<A, R>,
  options: WatchOptions = {},
): (...args: A) => Promise<R> {
  const reports = options.reports ?? ((status) => status >= 400);
  return watch(tocsin, handler, { ...options, reports }, "webhook");
}

/**
 * For Edge Functions and other `(Request) => Response`: reports what is thrown, and answers from
 * 500. The Edge Runtime is told to wait until it is sent.
 *
 * @example
 * Deno.serve(withErrorReporting(tocsin, handle, { component: "send-invoices" }));
 */
export function withErrorReporting<A extends unknown[], R>(
  tocsin: Tocsin,
  handler: Handler<A, R>,
  options: WatchOptions = {},
): (...args: A) => Promise<R> {
  const reports = options.reports ?? ((status) => status >= 500);
  return watch(tocsin, handler, { ...options, reports }, "system");
}

function watch<A extends unknown[], R>(
  tocsin: Tocsin,
  handler: Handler<A, R>,
  options: WatchOptions & { reports: (status: number) => boolean },
  source: "webhook" | "system",
): (...args: A) => Promise<R> {
  const tell = (args: A, startedAt: number, status: number | undefined, thrown?: unknown) => {
    try {
      const event = eventOf(requestOf(args), Date.now() - startedAt, status, options, source);
      if (thrown === undefined) tocsin.report(event);
      else tocsin.captureException(thrown, event);
      if (typeof thrown === "object" && thrown !== null) reported.add(thrown);
      holdEdgeFunction(() => tocsin.flush(10_000));
    } catch {
      // a report that fails is no failure of the request
    }
  };
  const watched = async (...args: A): Promise<R> => {
    const startedAt = Date.now();
    let answer: R;
    try {
      answer = await handler(...args);
    } catch (thrown) {
      const answered = answerIn(thrown);
      if (answered === undefined) tell(args, startedAt, undefined, thrown ?? String(thrown));
      else if (isReported(options, answered)) tell(args, startedAt, answered);
      throw thrown;
    }
    const status = answer instanceof Response ? answer.status : statusOf(answer);
    if (status !== undefined && isReported(options, status)) tell(args, startedAt, status);
    return answer;
  };
  // Deno.serve() passes as much as a handler says that it takes; the request is needed here
  return Object.defineProperty(watched, "length", { value: Math.max(1, handler.length) });
}

function isReported({ reports }: { reports: (status: number) => boolean }, status: number) {
  try {
    return reports(status);
  } catch {
    return true;
  }
}

/** The status of an answer that is thrown: a Response, SvelteKit's error() and redirect(). */
function answerIn(thrown: unknown): number | undefined {
  if (thrown instanceof Response) return thrown.status;
  if (typeof thrown !== "object" || thrown === null || thrown instanceof Error) return undefined;
  return "body" in thrown || "location" in thrown ? statusOf(thrown) : undefined;
}

/** The request itself, or an event that has it. */
function requestOf(args: unknown[]): Request | undefined {
  const [first] = args;
  if (first instanceof Request) return first;
  const { request } = (first ?? {}) as { request?: unknown };
  return request instanceof Request ? request : undefined;
}

function eventOf(
  request: Request | undefined,
  durationMs: number,
  status: number | undefined,
  options: WatchOptions,
  source: "webhook" | "system",
): ErrorEvent {
  const url = request && new URL(request.url);
  const path = url ? maskedPath(url.pathname) : "";
  const answered = status === undefined ? {} : saidOf(source, status, `${request?.method} ${path}`);
  const context = request && options.context ? contextOf(options.context, request) : {};
  return {
    source,
    node: path,
    component: options.component ?? path,
    ...answered,
    ...context,
    metadata: {
      ...detailsOf(request),
      path,
      duration_ms: durationMs,
      ...(status === undefined ? {} : { status }),
      ...context.metadata,
    },
  };
}

function contextOf(context: (request: Request) => ErrorContext, request: Request): ErrorContext {
  try {
    return context(request);
  } catch {
    return {};
  }
}

function saidOf(source: "webhook" | "system", status: number, what: string): ErrorEvent {
  if (source === "system") {
    // http_status is what others answered; this is our own fault
    return {
      exception: "RequestFailed",
      message: `A request was answered ${status}: ${what}`,
      error_type: "execution",
    };
  }
  return {
    exception: status >= 500 ? "WebhookFailed" : "WebhookRejected",
    message: `A webhook was answered ${status}: ${what}`,
    http_status: status,
  };
}

/** Headers that tell a delivery from another, and hold no secret. */
const telling = [
  "content-type",
  "content-length",
  "user-agent",
  "webhook-id",
  "x-request-id",
].concat(["x-github-delivery", "x-github-event", "x-shopify-topic", "x-shopify-webhook-id"]);

function detailsOf(request: Request | undefined): Record<string, string> {
  if (request === undefined) return {};
  const found = telling.flatMap((name) => {
    const value = request.headers.get(name);
    return value === null ? [] : [[name.replaceAll("-", "_"), value.slice(0, 200)] as const];
  });
  return { method: request.method, ...Object.fromEntries(found) };
}

/** A path without its ids, and without the tokens that some keep in it. */
export function maskedPath(path: string): string {
  return path
    .split("/")
    .map((part) => {
      const isId = /^\d+$/.test(part) || /^[0-9a-f-]{16,}$/i.test(part);
      return isId || (part.length >= 16 && /\d/.test(part)) || part.length > 40 ? ":id" : part;
    })
    .join("/");
}
