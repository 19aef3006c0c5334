export { createTocsin } from "./client.ts";
export { type HandleErrorInput, type HandleErrorOptions, reportErrors } from "./sveltekit.ts";
export type { ErrorContext, ErrorEvent, SentEvent, Stats, Tocsin, TocsinOptions } from "./types.ts";
export { type WatchOptions, withErrorReporting, withWebhookReporting } from "./watch.ts";
