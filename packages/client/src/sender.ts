// The queue, and what empties it: one request at a time, each a batch; what gets no answer is sent
// again, later and later. An event is made into JSON once, when it is queued.

import type { Runtime } from "./runtime.ts";
import type { Stats } from "./types.ts";

const mostInBatch = 100;
/** Characters; Tocsin takes a mebibyte. */
const mostBytesInBatch = 700_000;
const mostBytesQueued = 8_000_000;
const firstWait = 1_000;
const longestWait = 60_000;
/** A server may ask for more, and be heard, within reason. */
const longestRetryAfter = 3_600_000;

export interface SenderOptions {
  address: string;
  key: string;
  queueSize: number;
  gatherMs: number;
  timeoutMs: number;
  maxAttempts: number;
  onProblem: (kind: string, message: string) => void;
  /** An event that says how many were dropped, as JSON. */
  sayDropped: (count: number) => string;
}

type Outcome =
  | { kind: "taken"; accepted: number; duplicates: number; rejected: number; reason?: string }
  | { kind: "rejected"; problem: string }
  | { kind: "refused"; problem: string }
  | { kind: "too large" }
  | { kind: "later"; problem: string; status?: number; waitMs?: number };

export class Sender {
  readonly #options: SenderOptions;
  readonly #runtime: Runtime;
  readonly #queue: string[] = [];
  readonly #counts = { accepted: 0, duplicates: 0, rejected: 0, dropped: 0 };
  #bytes = 0;
  #untold = 0;
  /** Of the batch at the head. */
  #attempts = 0;
  /** In a row, of any batch. */
  #failures = 0;
  #limit = mostInBatch;
  /** Nothing is sent before: asked for by the server, or by our own patience. */
  #asked = 0;
  #resting = 0;
  #failedAt = -firstWait;
  #sending = false;
  #cancel: (() => void) | undefined;
  #waiters: (() => void)[] = [];

  constructor(options: SenderOptions, runtime: Runtime) {
    this.#options = options;
    this.#runtime = runtime;
  }

  add(json: string): void {
    const isFull = this.#queue.length >= this.#options.queueSize;
    if (isFull || this.#bytes + json.length > mostBytesQueued) {
      this.drop(1);
      return;
    }
    this.#push(json);
    const isBatch = this.#queue.length >= this.#limit && this.#restMs() === 0;
    if (isBatch) this.#stopTimer();
    this.#begin(isBatch ? 0 : this.#options.gatherMs);
  }

  drop(count: number): void {
    this.#counts.dropped += count;
    this.#untold += count;
  }

  stats(): Stats {
    return { queued: this.#queue.length, ...this.#counts };
  }

  /** True when all that waits was settled within the time. */
  flush(deadlineMs: number): Promise<boolean> {
    if (this.#queue.length === 0) return Promise.resolve(true);
    return new Promise((settle) => {
      const cancel = this.#runtime.after(
        Math.max(0, deadlineMs),
        () => settle(this.#queue.length === 0),
        true,
      );
      this.#waiters.push(() => {
        cancel();
        settle(true);
      });
      // our own patience gives way to the deadline, but for a moment; the server's wish does not
      this.#resting = Math.min(this.#resting, this.#failedAt + firstWait);
      this.#stopTimer();
      this.#begin(0);
    });
  }

  #push(json: string): void {
    this.#queue.push(json);
    this.#bytes += json.length;
  }

  #restMs(): number {
    return Math.max(0, Math.max(this.#asked, this.#resting) - this.#runtime.now());
  }

  /** Sends after so long, or when it may, whichever is later. */
  #begin(afterMs: number): void {
    if (this.#sending || this.#cancel !== undefined || this.#queue.length === 0) return;
    const rest = this.#restMs();
    // A process that has done its work stays for what was just gathered, and not for an outage.
    this.#cancel = this.#runtime.after(Math.max(afterMs, rest), () => this.#run(), rest === 0);
  }

  #stopTimer(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #run(): void {
    this.#cancel = undefined;
    this.#sending = true;
    void this.#sendBatch().finally(() => {
      this.#sending = false;
      if (this.#queue.length === 0) for (const tell of this.#waiters.splice(0)) tell();
      else this.#begin(0);
    });
  }

  async #sendBatch(): Promise<void> {
    const batch = this.#nextBatch();
    const outcome = await this.#post(`[${batch.join(",")}]`).catch((error: unknown): Outcome => ({
      kind: "later",
      problem: String(error),
    }));
    const { onProblem, maxAttempts } = this.#options;
    switch (outcome.kind) {
      case "taken":
        this.#failures = 0;
        this.#settle(batch.length);
        this.#counts.accepted += outcome.accepted;
        this.#counts.duplicates += outcome.duplicates;
        this.#counts.rejected += outcome.rejected;
        if (outcome.reason !== undefined) onProblem("rejected", outcome.reason);
        this.#tellDropped();
        return;
      case "rejected":
        this.#settle(batch.length);
        this.#counts.rejected += batch.length;
        onProblem("rejected", outcome.problem);
        return;
      case "too large":
        if (batch.length > 1) {
          this.#limit = Math.ceil(batch.length / 2);
          return;
        }
        this.#settle(1);
        this.drop(1);
        onProblem("refused", "An error is too large to be reported.");
        return;
      case "refused":
        this.#giveUp(batch.length);
        this.#rest();
        onProblem("refused", outcome.problem);
        return;
      case "later":
        // who says when to come again is there, and means it
        if (outcome.status !== 429 || outcome.waitMs === undefined) this.#attempts += 1;
        // what fails again may be too much for it at once, or one error of many
        if (outcome.status !== 429 && this.#attempts > 1) {
          this.#limit = Math.max(1, Math.ceil(batch.length / 2));
        }
        if (this.#attempts >= maxAttempts) this.#giveUp(batch.length);
        if (outcome.waitMs === undefined) this.#rest();
        else this.#asked = this.#runtime.now() + Math.min(outcome.waitMs, longestRetryAfter);
        onProblem("unreachable", outcome.problem);
    }
  }

  #nextBatch(): string[] {
    let bytes = 0;
    let count = 0;
    for (const json of this.#queue) {
      bytes += json.length;
      if (count >= this.#limit || (count > 0 && bytes > mostBytesInBatch)) break;
      count += 1;
    }
    return this.#queue.slice(0, count);
  }

  #settle(count: number): void {
    for (const json of this.#queue.splice(0, count)) this.#bytes -= json.length;
    this.#attempts = 0;
    this.#limit = mostInBatch;
  }

  #giveUp(count: number): void {
    this.#settle(count);
    this.drop(count);
  }

  #tellDropped(): void {
    if (this.#untold === 0) return;
    this.#push(this.#options.sayDropped(this.#untold));
    this.#untold = 0;
  }

  /** Twice as long each time, and never all clients at once. */
  #rest(): void {
    const wait = Math.min(longestWait, firstWait * 2 ** Math.min(this.#failures, 10));
    this.#failures += 1;
    this.#failedAt = this.#runtime.now();
    this.#resting = this.#failedAt + wait * (0.5 + this.#runtime.random() / 2);
  }

  async #post(body: string): Promise<Outcome> {
    const { address, key, timeoutMs } = this.#options;
    const answer = await this.#runtime.fetch(address, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${key}` },
      body,
      signal: AbortSignal.timeout(timeoutMs),
    });
    const text = await answer.text();
    const { status } = answer;
    if (status >= 200 && status < 300) return takenOf(text);
    const problem = `Tocsin answered ${status}: ${messageOf(text)}`;
    if (status === 400) return { kind: "rejected", problem };
    if (status === 413) return { kind: "too large" };
    if (status === 429 || status === 408 || status >= 500) {
      const waitMs = retryAfter(answer.headers.get("retry-after"), this.#runtime.now());
      return { kind: "later", problem, status, ...(waitMs === undefined ? {} : { waitMs }) };
    }
    return { kind: "refused", problem };
  }
}

interface Answer {
  accepted?: number;
  duplicates?: number;
  rejected?: number;
  results?: { issues?: { path: string; message: string }[] }[];
  error?: { message?: string; issues?: { path: string; message: string }[] };
}

function parse(text: string): Answer {
  try {
    return (JSON.parse(text) as Answer | null) ?? {};
  } catch {
    return {};
  }
}

function takenOf(text: string): Outcome {
  const { accepted = 0, duplicates = 0, rejected = 0, results = [] } = parse(text);
  const issue = results.flatMap(({ issues = [] }) => issues)[0];
  const reason = issue && `An error was rejected: ${issue.path}: ${issue.message}`;
  return { kind: "taken", accepted, duplicates, rejected, ...(reason ? { reason } : {}) };
}

function messageOf(text: string): string {
  const { error } = parse(text);
  const issue = error?.issues?.[0];
  return (error?.message ?? "") + (issue ? ` ${issue.path}: ${issue.message}` : "");
}

/** Seconds, or a date. */
function retryAfter(header: string | null, now: number): number | undefined {
  if (header === null || header.trim() === "") return undefined;
  const ms = /^\d+$/.test(header.trim()) ? Number(header) * 1_000 : Date.parse(header) - now;
  return Number.isNaN(ms) ? undefined : Math.max(0, ms);
}
