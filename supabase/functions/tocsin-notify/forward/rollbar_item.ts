/** A stored error as an item of Rollbar's API, version 1: docs/reference/forwarding.md. Pure. */
import { createHash } from "node:crypto";
import { cut, oneLine } from "../../_shared/text.ts";
import { version } from "../../_shared/version.ts";
import { type Frame, type Language, parseStack, type Thrown } from "./stack.ts";
import { headline, knownOf, type Outbound, placeOf } from "./stored_error.ts";

const levels = { low: "warning", medium: "error", high: "critical" } as const;
const languages: Partial<Record<Language, string>> = {
  javascript: "javascript",
  python: "python",
  go: "go",
  java: "java",
};

interface RollbarFrame {
  filename: string;
  lineno?: number;
  colno?: number;
  method?: string;
}

interface RollbarTrace {
  frames: RollbarFrame[];
  exception: { class: string; message?: string };
}

export interface RollbarItem {
  data: {
    environment: string;
    body: { trace: RollbarTrace } | { trace_chain: RollbarTrace[] } | { message: { body: string } };
    level: (typeof levels)[keyof typeof levels];
    /** Whole seconds. */
    timestamp: number;
    uuid: string;
    fingerprint: string;
    title: string;
    notifier: { name: string; version: string };
    custom: Record<string, unknown>;
    platform: string;
    language?: string;
    context?: string;
    code_version?: string;
    person?: { id: string };
    server?: { host: string };
  };
}

export function renderRollbarItem(outbound: Outbound): RollbarItem {
  const { error } = outbound;
  const trace = error.stack === undefined ? undefined : parseStack(error.stack);
  const language = trace === undefined ? undefined : languages[trace.language];
  const context = placeOf(error);
  const release = oneLine(error.release ?? outbound.release ?? "");
  const host = error.metadata["server_name"];
  const title =
    error.exception === undefined || headline(error).startsWith(error.exception)
      ? headline(error)
      : `${error.exception}: ${headline(error)}`;
  return {
    data: {
      environment: cut(oneLine(error.environment ?? outbound.environment ?? "unknown"), 255),
      body: bodyOf(outbound, trace?.chain ?? []),
      level: levels[error.severity],
      timestamp: Math.floor(error.timestamp.getTime() / 1_000),
      uuid: outbound.eventId,
      fingerprint: fingerprintOf(error.project_id, error.fingerprint),
      title: cut(oneLine(title), 255),
      notifier: { name: "tocsin", version },
      platform: "server",
      custom: {
        tocsin: JSON.parse(JSON.stringify(knownOf(outbound))),
        ...(Object.keys(error.metadata).length === 0 ? {} : { metadata: error.metadata }),
      },
      ...(language === undefined ? {} : { language }),
      ...(context === undefined ? {} : { context: cut(oneLine(context), 255) }),
      ...(release === "" ? {} : { code_version: cut(release, 40) }),
      ...(error.user_id === undefined ? {} : { person: { id: atMost40(error.user_id) } }),
      ...(typeof host === "string" ? { server: { host: cut(oneLine(host), 255) } } : {}),
    },
  };
}

function bodyOf({ error }: Outbound, chain: readonly Thrown[]): RollbarItem["data"]["body"] {
  const text = headline(error);
  const hasFrames = chain.some((thrown) => thrown.frames.length > 0);
  if (error.exception === undefined && !hasFrames) return { message: { body: text } };
  const [first, ...causes] = chain;
  const outermost = traceOf({
    type: error.exception ?? "Error",
    message: text,
    frames: first?.frames ?? [],
  });
  // The outermost first, as with Sentry's the other way round.
  return causes.length === 0
    ? { trace: outermost }
    : { trace_chain: [outermost, ...causes.map(traceOf)] };
}

function traceOf({ type, message, frames }: Thrown): RollbarTrace {
  return {
    frames: frames.map(frameOf),
    exception: {
      class: cut(type ?? "Error", 255),
      ...(message === undefined ? {} : { message }),
    },
  };
}

function frameOf({ filename, lineno, colno, function: method }: Frame): RollbarFrame {
  return {
    filename,
    ...(lineno === undefined ? {} : { lineno }),
    ...(colno === undefined ? {} : { colno }),
    ...(method === undefined ? {} : { method }),
  };
}

/** Rollbar takes 40 characters, and would hash what is longer by itself. */
function fingerprintOf(projectId: string | undefined, fingerprint: string): string {
  return projectId === undefined
    ? atMost40(fingerprint)
    : createHash("sha1").update(`${projectId}\u001f${fingerprint}`).digest("hex");
}

/** Two long ids that begin alike must not become one person. */
function atMost40(id: string): string {
  return id.length <= 40 ? id : createHash("sha1").update(id).digest("hex");
}

/** What is left of an item that Rollbar found too large. */
export function shrinkRollbarItem({ data }: RollbarItem): RollbarItem {
  const shrink = (trace: RollbarTrace): RollbarTrace => ({
    frames: trace.frames.slice(-20),
    exception: {
      class: trace.exception.class,
      ...(trace.exception.message === undefined
        ? {}
        : { message: cut(trace.exception.message, 1_024) }),
    },
  });
  const { body } = data;
  const smaller =
    "trace" in body
      ? { trace: shrink(body.trace) }
      : "trace_chain" in body
        ? { trace_chain: body.trace_chain.slice(0, 2).map(shrink) }
        : { message: { body: cut(body.message.body, 1_024) } };
  return {
    data: {
      ...data,
      body: smaller,
      custom: { tocsin: data.custom["tocsin"], left_out: "It was too large for Rollbar." },
    },
  };
}
