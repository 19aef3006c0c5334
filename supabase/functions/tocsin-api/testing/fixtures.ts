/** A Data API in memory, and what the handler needs beside it. */
import type { Caller, DataApi } from "../../_shared/data_api.ts";
import type { Log, LogFields } from "../../_shared/log.ts";
import type { Deps } from "../deps.ts";
import type { Snapshot } from "../open_metrics/families.ts";

export const metricsToken = "a-token-for-scrapers-of-some-length";
export const now = new Date("2026-11-21T09:02:11.412Z");

export interface Call {
  caller: Caller;
  name: string;
  args: Record<string, unknown>;
}

type Answer = unknown | ((args: Record<string, unknown>) => unknown);

/** Answers each function with what the test says; an Error is thrown. */
export function fakeDb(answers: Record<string, Answer>): DataApi & { calls: Call[] } {
  const calls: Call[] = [];
  return {
    calls,
    call: (caller, name, args, result) => {
      calls.push({ caller, name, args });
      const answer = answers[name];
      const value = typeof answer === "function" ? answer(args) : answer;
      if (value instanceof Error) return Promise.reject(value);
      return Promise.resolve(result.parse(value));
    },
  };
}

export function recordingLog(): Log & { lines: string[] } {
  const lines: string[] = [];
  const write = (event: string, fields?: LogFields) => {
    lines.push(JSON.stringify({ event, ...fields }));
  };
  return { lines, info: write, warn: write, error: write };
}

export function testDeps(db: DataApi, values: Record<string, string> = {}): Deps {
  const env: Record<string, string> = { TOCSIN_METRICS_TOKEN: metricsToken, ...values };
  return {
    db,
    now: () => now,
    env: { get: (name) => env[name] },
    log: recordingLog(),
    later: () => undefined,
  };
}

/** A request as it arrives at the function. */
export function ask(path: string, init: RequestInit & { token?: string } = {}): Request {
  const { token, ...rest } = init;
  const headers = new Headers(rest.headers);
  if (token !== undefined) headers.set("authorization", `Bearer ${token}`);
  return new Request(`http://127.0.0.1/tocsin-api${path}`, { ...rest, headers });
}

export const counts = {
  success_count: 3,
  failure_count: 2,
  timed_out_count: 1,
  canceled_count: 0,
  success_rate: 0.6,
};

export const workflowAnswer = {
  totals: [
    {
      source_id: "runs",
      project_id: "shop",
      ...counts,
      last_updated: "2026-11-21T10:00:00.123456+01:00",
    },
  ],
  history: [
    {
      bucket_at: "2026-11-21T09:00:00+00:00",
      ...counts,
      duration_count: 5,
      duration_ms_avg: 10.5,
      duration_ms_min: 1,
      duration_ms_max: 20,
      duration_ms_p50: 10,
      duration_ms_p95: 20,
      duration_ms_p99: null,
      resolution: "15m",
    },
  ],
};

export function summaryRow(workflowId: string) {
  return {
    source_id: "runs",
    project_id: "shop",
    workflow_id: workflowId,
    run_count: 5,
    ...counts,
    duration_ms_avg: 10.5,
    run_count_before: 0,
    success_rate_before: null,
    success_rate_change: null,
    direction: "new",
    last_updated: "2026-11-21T09:00:00+00:00",
  };
}

export function snapshot(overrides: Partial<Snapshot> = {}): Snapshot {
  return {
    version: "0.1.0",
    workflows: [["runs", "shop", "import", 7, 2, 1, 0, 12.5, [73, 100], [4, 6]]],
    workflows_left_out: 0,
    bin_seconds: { "73": 1.001, "100": 13.1 },
    pending_outcomes: 3,
    outcomes_set_aside: 0,
    queues: { tocsin_failures: 2, tocsin_failures_dlq: 1 },
    deliveries: { pending: 1, sending: 0, delivered: 5, dead: 0 },
    stages: [
      { stage: "roll_up", last_run_at: 1795251731.5, last_duration_seconds: 0.25, fault_count: 0 },
      { stage: "ingest", last_run_at: null, last_duration_seconds: null, fault_count: 2 },
    ],
    self: [
      {
        metric: "heart_age",
        unit: "seconds",
        description: "Since the last beat.",
        points: [["", 2.5]],
      },
      {
        metric: "backlog",
        unit: "count",
        description: "What waits.",
        points: [
          ["failures", 3],
          ["reports", 0],
        ],
      },
    ],
    ...overrides,
  };
}

export function errorRow(errorId: string, overrides: Record<string, unknown> = {}) {
  return {
    error_id: errorId,
    timestamp: "2026-11-21T10:00:00.123456+01:00",
    source: "worker",
    error_type: "dependency",
    severity: "medium",
    project_id: "shop",
    workflow_id: "order-import",
    workflow_name: null,
    source_id: "",
    run_id: "run-17",
    node: "fetch_orders",
    attempt: 2,
    user_id: null,
    component: null,
    environment: "production",
    release: null,
    exception: "HttpError",
    sqlstate: null,
    http_status: 502,
    message: "HTTP 502 Bad Gateway",
    stack: null,
    metadata: { queue: "imports" },
    origin: "report",
    group_id: "00000000-0000-4000-8000-0000000000aa",
    fingerprint: "f",
    classified_by: "http_dependency",
    is_new: true,
    is_regression: false,
    is_sampled_out: false,
    ...overrides,
  };
}

export const errorCount = {
  bucket_at: "2026-11-21T09:00:00+00:00",
  error_count: 3,
  low_count: 0,
  medium_count: 2,
  high_count: 1,
  resolution: "15m",
};

export function settingRow() {
  return {
    setting_id: "00000000-0000-4000-8000-000000000001",
    name: "Imports",
    kind: "failure_rate",
    project_id: "shop",
    workflow_id: null,
    level: "project",
    parameters: { threshold: 5 },
    severity: "high",
    replaces_general: false,
    evaluation_interval: "00:01:00",
    for_duration: "00:00:00",
    keep_firing_for: "00:00:00",
    on_no_data: "keep",
    notify_resolved: true,
    group_by: "workflow",
    group_wait: null,
    throttle_limit: 1,
    throttle_window: "00:05:00",
    repeat_interval: "04:00:00",
    template: null,
    labels: {},
    is_enabled: true,
    created_at: "2026-11-21T10:00:00.123456+01:00",
    updated_at: "2026-11-21T10:00:00.654321+01:00",
    channels: [
      {
        channel_id: "00000000-0000-4000-8000-0000000000c1",
        name: "mail",
        kind: "email",
        is_enabled: true,
        after_interval: "00:15:00",
      },
    ],
  };
}
