/**
 * A stored error as an event of Sentry's: docs/reference/forwarding.md says which field is which.
 * Pure. What Sentry would refuse or cut (a slash in a release, a line break in a tag) is put right
 * here, so that nothing is lost there without a word.
 */
import { cut, oneLine } from "../../_shared/text.ts";
import { version } from "../../_shared/version.ts";
import { type Frame, type Language, parseStack, type Thrown } from "./stack.ts";
import { headline, knownOf, type Outbound, placeOf, workflowOf } from "./stored_error.ts";

export const sdk = { name: "tocsin.supabase", version };

const levels = { low: "warning", medium: "error", high: "fatal" } as const;
const platforms: Record<Language, string> = {
  javascript: "node",
  python: "python",
  go: "go",
  java: "java",
  other: "other",
};

const longestTag = 200;
const longestText = 8_192;

export interface SentryFrame {
  filename: string;
  abs_path?: string;
  function?: string;
  module?: string;
  lineno?: number;
  colno?: number;
  in_app: boolean;
}

export interface SentryException {
  type?: string;
  value?: string;
  module?: string;
  mechanism?: { type: string; exception_id?: number; parent_id?: number; source?: string };
  stacktrace?: { frames: SentryFrame[] };
}

export interface SentryEvent {
  event_id: string;
  timestamp: string;
  platform: string;
  level: (typeof levels)[keyof typeof levels];
  logger: string;
  sdk: typeof sdk;
  fingerprint: string[];
  tags: Record<string, string>;
  contexts: Record<string, Record<string, unknown>>;
  extra?: Record<string, unknown>;
  transaction?: string;
  environment?: string;
  release?: string;
  server_name?: string;
  user?: { id: string };
  exception?: { values: SentryException[] };
  logentry?: { formatted: string };
}

export function renderSentryEvent(outbound: Outbound): SentryEvent {
  const { error, eventId } = outbound;
  const environment = environmentName(error.environment ?? outbound.environment);
  const release = releaseName(error.release ?? outbound.release);
  const trace = error.stack === undefined ? undefined : parseStack(error.stack);
  const place = placeOf(error);
  const serverName = error.metadata["server_name"];
  return withoutUndefined({
    event_id: eventId.replaceAll("-", "").toLowerCase(),
    timestamp: error.timestamp.toISOString(),
    platform: platforms[trace?.language ?? "other"],
    level: levels[error.severity],
    logger: `tocsin.${error.source}`,
    sdk,
    // Groups are a project's own, so two projects with alike errors are two issues.
    fingerprint:
      error.project_id === undefined ? [error.fingerprint] : [error.project_id, error.fingerprint],
    transaction: place === undefined ? undefined : cut(oneLine(place), longestTag),
    environment,
    release,
    server_name: typeof serverName === "string" ? tag(serverName) : undefined,
    user: error.user_id === undefined ? undefined : { id: error.user_id },
    tags: tagsOf(outbound, environment, release),
    contexts: contextsOf(outbound),
    extra: Object.keys(error.metadata).length === 0 ? undefined : error.metadata,
    ...whatHappened(outbound, trace?.chain ?? []),
  });
}

/** With an exception's name or a stack it is an exception, else a message. */
function whatHappened(
  { error }: Outbound,
  chain: readonly Thrown[],
): Pick<SentryEvent, "exception" | "logentry"> {
  const hasFrames = chain.some((thrown) => thrown.frames.length > 0);
  if (error.exception === undefined && !hasFrames) {
    return { logentry: { formatted: cut(headline(error), longestText) } };
  }
  const [first, ...causes] = chain;
  const outermost: Thrown = {
    type: error.exception ?? "Error",
    message: withoutName(headline(error), error.exception),
    frames: first?.frames ?? [],
  };
  const values = [outermost, ...causes].map((thrown, index): SentryException => {
    const isChained = causes.length > 0;
    return withoutUndefined({
      type: cut(thrown.type ?? "Error", 256),
      value: thrown.message === undefined ? undefined : cut(thrown.message, longestText),
      mechanism: withoutUndefined({
        type: index === 0 ? `tocsin.${error.origin}` : "chained",
        exception_id: isChained ? index : undefined,
        parent_id: index === 0 ? undefined : index - 1,
        source: index === 0 ? undefined : "cause",
      }),
      stacktrace: thrown.frames.length === 0 ? undefined : { frames: thrown.frames.map(frameOf) },
    });
  });
  // Sentry wants them oldest first: what was thrown last, and is told, stands at the end.
  return { exception: { values: values.reverse() } };
}

/** Sentry shows type and value side by side, so the value need not begin with the type again. */
function withoutName(text: string, name: string | undefined): string {
  return name !== undefined && text.startsWith(`${name}: `) ? text.slice(name.length + 2) : text;
}

function frameOf({ function: called, filename, lineno, colno, inApp }: Frame): SentryFrame {
  return withoutUndefined({
    filename,
    abs_path: /^(\/|[A-Za-z]:\\|https?:)/.test(filename) ? filename : undefined,
    function: called,
    lineno,
    colno,
    in_app: inApp,
  });
}

function tagsOf(
  { error, eventId }: Outbound,
  environment: string | undefined,
  release: string | undefined,
): Record<string, string> {
  const tags: Record<string, string | undefined> = {
    source: error.source,
    workflow: workflowOf(error),
    node: error.node,
    environment,
    release,
    component: error.component,
    project: error.project_id,
    error_type: error.error_type,
    severity: error.severity,
    run: error.run_id,
    error_id: error.error_id === eventId ? undefined : error.error_id,
    http_status: error.http_status?.toString(),
    sqlstate: error.sqlstate,
  };
  return Object.fromEntries(
    Object.entries(tags).flatMap(([key, value]) => {
      const text = value === undefined ? "" : tag(value);
      return text === "" ? [] : [[key, text]];
    }),
  );
}

function contextsOf(outbound: Outbound): SentryEvent["contexts"] {
  const { http_status } = outbound.error;
  return {
    tocsin: JSON.parse(JSON.stringify(knownOf(outbound))),
    ...(http_status === undefined
      ? {}
      : { response: { type: "response", status_code: http_status } }),
  };
}

/** At most 200 characters on one line. */
function tag(value: string): string {
  return cut(oneLine(value), longestTag);
}

/** Sentry takes 64 characters without slashes and line breaks, and not the word none. */
function environmentName(value: string | undefined): string | undefined {
  const name = cut(oneLine(value ?? "").replace(/[/\\]/g, "-"), 64);
  return name === "" || name.toLowerCase() === "none" ? undefined : name;
}

/** Sentry takes 200 characters without slashes and line breaks, and not the word latest. */
function releaseName(value: string | undefined): string | undefined {
  const name = cut(oneLine(value ?? "").replace(/[/\\]/g, "-"), 200);
  return ["", ".", "..", "latest"].includes(name.toLowerCase()) ? undefined : name;
}

type Defined<T> = {
  [K in keyof T as undefined extends T[K] ? never : K]: T[K];
} & { [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined> };

function withoutUndefined<T extends object>(value: T): Defined<T> {
  return Object.fromEntries(
    Object.entries(value).filter(([, entry]) => entry !== undefined),
  ) as Defined<T>;
}

/** What is left of an event that its receiver found too large. */
export function shrinkSentryEvent(event: SentryEvent): SentryEvent {
  const { extra: _, ...rest } = event;
  const values = event.exception?.values.slice(-1).map((value) => ({
    ...value,
    ...(value.value === undefined ? {} : { value: cut(value.value, 1_024) }),
    ...(value.stacktrace === undefined
      ? {}
      : { stacktrace: { frames: value.stacktrace.frames.slice(-20) } }),
  }));
  return {
    ...rest,
    contexts: {
      ...event.contexts,
      tocsin: { ...event.contexts["tocsin"], left_out: "It was too large for the receiver." },
    },
    ...(values === undefined ? {} : { exception: { values } }),
    ...(event.logentry === undefined
      ? {}
      : { logentry: { formatted: cut(event.logentry.formatted, 1_024) } }),
  };
}
