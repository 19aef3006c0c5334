// SvelteKit's hook for errors, of the server and of the browser, in versions 2 and 3.

import { statusOf } from "./describe.ts";
import type { ErrorContext, Tocsin } from "./types.ts";
import { reported } from "./watch.ts";

/** What SvelteKit passes to handleError, as far as it is used here. */
export interface HandleErrorInput {
  error: unknown;
  event: {
    url: URL;
    route: { id: string | null };
    request?: Request;
    platform?: unknown;
  };
  /** Of SvelteKit 2. In 3, errors that have a status carry it themselves. */
  status?: number;
}

export interface HandleErrorOptions<Input> {
  /** Which are reported; by default those from 500, so not a page that is not there. */
  reports?: (status: number, input: Input) => boolean;
  /** What else is known, such as the user's id in `event.locals`. */
  context?: (input: Input) => ErrorContext;
}

/**
 * Makes a handleError that reports, and then does what yours does, if you give one.
 *
 * @example
 * export const handleError = reportErrors(tocsin, () => ({ message: "Sorry." }));
 */
export function reportErrors<Input extends HandleErrorInput, Result = void>(
  tocsin: Tocsin,
  handle?: (input: Input) => Result,
  options: HandleErrorOptions<Input> = {},
): (input: Input) => Result {
  return (input) => {
    try {
      const { error } = input;
      const status = input.status ?? statusOf(error) ?? 500;
      const isReported = options.reports?.(status, input) ?? status >= 500;
      const isKnown = typeof error === "object" && error !== null && reported.delete(error);
      if (isReported && !isKnown) tell(tocsin, input, status, options.context?.(input) ?? {});
    } catch {
      // a report that fails is no second error
    }
    return handle?.(input) as Result;
  };
}

interface Waiting {
  waitUntil?: (promise: Promise<unknown>) => void;
}

function tell(
  tocsin: Tocsin,
  { error, event }: HandleErrorInput,
  status: number,
  context: ErrorContext,
): void {
  const route = event.route.id ?? "(no route)";
  tocsin.captureException(error, {
    node: route,
    ...context,
    metadata: {
      ...(event.request === undefined ? {} : { method: event.request.method }),
      route,
      status,
      ...context.metadata,
    },
  });
  // where a request is frozen once it is answered: Cloudflare, Vercel
  const { context: ofPlatform, ctx } = (event.platform ?? {}) as Record<
    string,
    Waiting | undefined
  >;
  const waiting = ctx ?? ofPlatform;
  if (typeof waiting?.waitUntil === "function") waiting.waitUntil(tocsin.flush(10_000));
}
