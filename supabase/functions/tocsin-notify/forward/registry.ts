/** Every forwarder that this version has. */
import type { Forwarder } from "./forwarder.ts";
import { rollbar } from "./rollbar.ts";
import { sentry } from "./sentry.ts";

export const forwarders: readonly Forwarder[] = [sentry, rollbar];
