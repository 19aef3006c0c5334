/** What an error is reported with. The names are those of the columns of tocsin.error_metrics. */
export interface ErrorContext {
  /** worker: a run; webhook: its intake or sending; system: the rest. */
  source?: "worker" | "webhook" | "system";
  /** One of Tocsin's types; left out, its rules find it. */
  error_type?: string;
  /** Left out, Tocsin's rules find it. */
  severity?: "low" | "medium" | "high";
  /** With an ingest key it is the key's own project. */
  project_id?: string;
  workflow_id?: string;
  workflow_name?: string;
  run_id?: string;
  /** The step that failed. */
  node?: string;
  attempt?: number;
  /** Whom it hurt. */
  user_id?: string;
  /** The service, or the part of it, that reports. */
  component?: string;
  environment?: string;
  release?: string;
  sqlstate?: string;
  http_status?: number;
  /** A uuid. The same error sent again within seven days counts once. */
  error_id?: string;
  timestamp?: string | Date;
  /** Anything else. It is redacted before it is stored. */
  metadata?: Record<string, unknown>;
}

export interface ErrorEvent extends ErrorContext {
  message?: string;
  exception?: string;
  stack?: string;
}

/** An event as it is sent. */
export interface SentEvent extends Omit<ErrorEvent, "timestamp"> {
  error_id: string;
  timestamp: string;
}

export interface Stats {
  /** Waiting, or on their way. */
  queued: number;
  accepted: number;
  /** Those that Tocsin had already. */
  duplicates: number;
  /** Those that Tocsin could not take. */
  rejected: number;
  /** Those that never got there: the queue was full, or sending was given up. */
  dropped: number;
}

export interface TocsinOptions {
  /** The project's URL, `https://<ref>.supabase.co`, or that of the function tocsin-api. */
  url: string | undefined;
  /** An ingest key. On a server of yours it may be the project's secret key. */
  key: string | undefined;
  /** What every error is reported with, unless its own context says something else. */
  defaults?: ErrorContext;
  /** Errors that wait at most; what comes then is dropped and counted. */
  queueSize?: number;
  /** For so long errors are gathered before they are sent. */
  gatherMs?: number;
  /** After so long a request is given up, and tried again. */
  timeoutMs?: number;
  /** What gets no answer is dropped after so many attempts, which take some ten minutes. */
  maxAttempts?: number;
  /** Sees each event before it is queued, and may change it; null: it is not sent. */
  beforeSend?: (event: SentEvent) => SentEvent | null;
  /** Told when reporting does not work; by default, console.warn. */
  onProblem?: (message: string) => void;
}

export interface Tocsin {
  /** Reports whatever was thrown. Returns the error's id, at once; it never throws. */
  captureException(thrown: unknown, context?: ErrorContext): string;
  /** Reports an error in its own words. Returns its id, at once; it never throws. */
  report(event: ErrorEvent): string;
  /** Sends what waits. True when all of it was settled within the time; it never rejects. */
  flush(deadlineMs?: number): Promise<boolean>;
  stats(): Stats;
}
