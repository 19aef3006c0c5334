// The client: makes an event of what it is given, and hands it to the sender. Nothing in here
// throws, waits, or lets what the application does throw through.

import { boundedObject, cut } from "./bounded.ts";
import { describe } from "./describe.ts";
import { platform, randomId, type Runtime } from "./runtime.ts";
import { Sender } from "./sender.ts";
import type { ErrorContext, ErrorEvent, SentEvent, Stats, Tocsin, TocsinOptions } from "./types.ts";

/** Reports to the project at the URL. Make one for a process, and keep it. */
export function createTocsin(options: TocsinOptions, runtime: Runtime = platform): Tocsin {
  return new Client(options, runtime);
}

class Client implements Tocsin {
  readonly #options: TocsinOptions;
  readonly #runtime: Runtime;
  readonly #sender: Sender | undefined;
  readonly #told = new Set<string>();
  #unsent = 0;

  constructor(options: TocsinOptions, runtime: Runtime) {
    this.#options = options;
    this.#runtime = runtime;
    const { url, key } = options;
    const address = url === undefined ? undefined : addressOf(url);
    if (address === undefined || key === undefined || key === "") {
      this.#tell(
        "unset",
        () => "Errors are not reported to Tocsin: it needs the project's url and a key.",
      );
      return;
    }
    this.#sender = new Sender(
      {
        address,
        key,
        queueSize: options.queueSize ?? 1_000,
        gatherMs: options.gatherMs ?? 500,
        timeoutMs: options.timeoutMs ?? 10_000,
        maxAttempts: options.maxAttempts ?? 15,
        onProblem: (kind, message) => this.#tell(kind, () => message),
        sayDropped: (count) => JSON.stringify(this.#dropped(count)),
      },
      runtime,
    );
  }

  captureException(thrown: unknown, context: ErrorContext = {}): string {
    let said: ErrorEvent;
    try {
      said = describe(thrown);
    } catch {
      said = { message: "Something was thrown that cannot be read" };
    }
    return this.#report(said, context);
  }

  report(event: ErrorEvent): string {
    return this.#report(event, {});
  }

  #report(event: ErrorEvent, context: ErrorContext): string {
    const made = randomId();
    try {
      const complete = this.#complete(event, context, made);
      const sent = this.#options.beforeSend ? this.#options.beforeSend(complete) : complete;
      if (sent === null) return complete.error_id;
      if (this.#sender === undefined) this.#unsent += 1;
      else this.#sender.add(JSON.stringify(sent));
      return complete.error_id;
    } catch (error) {
      this.#sender?.drop(1);
      this.#tell("unsent", () => `An error could not be reported: ${String(error)}`);
      return made;
    }
  }

  flush(deadlineMs = 2_000): Promise<boolean> {
    return this.#sender?.flush(deadlineMs) ?? Promise.resolve(true);
  }

  stats(): Stats {
    const none = { queued: 0, accepted: 0, duplicates: 0, rejected: 0, dropped: this.#unsent };
    return this.#sender?.stats() ?? none;
  }

  #complete(event: ErrorEvent, context: ErrorContext, madeId: string): SentEvent {
    const parts = [this.#options.defaults, event, context].map(said);
    const all = Object.assign({ source: "system" }, ...parts) as ErrorEvent;
    const metadata = Object.assign({}, ...parts.map((part) => said(part.metadata))) as object;
    const texts = Object.entries(all)
      .filter(([, value]) => isPlain(value))
      .map(([name, value]: [string, unknown]) => [
        name,
        typeof value === "string" ? cut(value, 32_100) : value,
      ]);
    return {
      ...(Object.fromEntries(texts) as Omit<ErrorEvent, "timestamp">),
      error_id: typeof all.error_id === "string" ? all.error_id : madeId,
      timestamp: timeOf(all.timestamp) ?? new Date(this.#runtime.now()).toISOString(),
      ...(Object.keys(metadata).length > 0 ? { metadata: boundedObject(metadata) } : {}),
    };
  }

  #dropped(count: number): SentEvent {
    return this.#complete(
      {
        exception: "ErrorsDropped",
        message: `Errors that were dropped before they could be reported: ${count}`,
        error_type: "system",
        severity: "medium",
        metadata: { dropped_count: count },
      },
      {},
      randomId(),
    );
  }

  /** Once for each kind: what does not work is told, and not again and again. */
  #tell(kind: string, message: () => string): void {
    if (this.#told.has(kind)) return;
    this.#told.add(kind);
    try {
      if (this.#options.onProblem) this.#options.onProblem(message());
      else console.warn(`[tocsin] ${message()}`);
    } catch {
      // it was told; what is made of it is not ours
    }
  }
}

/** A project's URL, or that of the function itself. */
function addressOf(url: string): string | undefined {
  if (!URL.canParse(url) || !/^https?:/.test(url)) return undefined;
  const base = url.replace(/\/+$/, "");
  const api = /\/tocsin-api$/.test(base) ? base : `${base}/functions/v1/tocsin-api`;
  return `${api}/error-events`;
}

function timeOf(time: unknown): string | undefined {
  if (time instanceof Date) return Number.isNaN(time.getTime()) ? undefined : time.toISOString();
  return typeof time === "string" ? time : undefined;
}

function isPlain(value: unknown): boolean {
  return ["string", "number", "boolean"].includes(typeof value);
}

/** Only what says something; nothing where it is no object. */
function said<T extends object>(part: T | undefined): Partial<T> {
  if (typeof part !== "object") return {};
  return Object.fromEntries(
    Object.entries(part).filter(([, value]) => value !== undefined && value !== null),
  ) as Partial<T>;
}
