/** A stored error as the database hands it out, and a queue of such in memory. */
import type { ForwardClaim, ForwardDatabase, ForwardResult, Pause } from "../db.ts";
import { type Outbound, storedErrorSchema } from "../stored_error.ts";

type Loose = Record<string, unknown>;

export const nodeStack = `TypeError: Cannot read properties of undefined (reading 'id')
    at charge (/app/src/billing/charge.ts:10:5)
    at async run (/app/node_modules/lib/index.js:3:4)
    at process.processTicksAndRejections (node:internal/process/task_queues:95:5)
    at /app/src/worker.js:7:1`;

/** As `to_jsonb` writes the row. */
export function rawError(overrides: Loose = {}): Loose {
  return {
    error_id: "7c1d2e3f-0000-4000-8000-00000000000a",
    timestamp: "2026-11-20T09:02:11.412345+00:00",
    source: "worker",
    error_type: "execution",
    severity: "medium",
    project_id: "shop",
    workflow_id: "c9a1f0d2-77aa-4b7e-8f7e-91d4b5a6c3e8",
    workflow_name: "order-import",
    source_id: "public.workflow_runs",
    run_id: "8f3c2a44-1d0b-4b1e-9c61-5f3e0a7b2d19",
    node: "createContact",
    attempt: 5,
    user_id: "user-17",
    component: "http-executor",
    environment: "production",
    release: "shop@1.4.2",
    exception: "TypeError",
    sqlstate: null,
    http_status: 502,
    message: "TypeError: Cannot read properties of undefined (reading 'id')",
    stack: nodeStack,
    metadata: { order: { id: 4711 }, server_name: "worker-3" },
    origin: "run",
    fingerprint: "0123456789abcdef",
    classified_by: "exception:TypeError",
    is_new: true,
    is_regression: false,
    is_ignored: false,
    is_sampled_out: false,
    ingested_at: "2026-11-20T09:02:13+00:00",
    run_url: "https://app.example/runs/8f3c2a44",
    group_id: "11111111-2222-4333-8444-555555555555",
    ...overrides,
  };
}

export function outbound(overrides: Loose = {}, more: Partial<Outbound> = {}): Outbound {
  const error = storedErrorSchema.parse(rawError(overrides));
  return {
    eventId: error.error_id,
    error,
    environment: undefined,
    release: undefined,
    link: "https://tocsin.example/errors/11111111-2222-4333-8444-555555555555",
    ...more,
  };
}

let lastId = 0;

export function claim(overrides: Loose = {}, forwarder = "sentry"): ForwardClaim {
  lastId += 1;
  const errorId = `00000000-0000-4000-8000-${String(lastId).padStart(12, "0")}`;
  const error = storedErrorSchema.parse(rawError({ error_id: errorId, ...overrides }));
  return { forwarder, errorId, projectId: "shop", eventId: errorId, attempt: 1, error };
}

export interface FakeForwardDatabase extends ForwardDatabase {
  due: ForwardClaim[];
  announced: Record<string, string | null>[];
  results: ForwardResult[];
  pauses: Record<string, Pause>[];
}

/** Hands out each claim once; a pause ends the handing out, as the database's does. */
export function fakeForwardDatabase(due: ForwardClaim[]): FakeForwardDatabase {
  const db: FakeForwardDatabase = {
    due,
    announced: [],
    results: [],
    pauses: [],
    claim(forwarders, limit) {
      db.announced.push(forwarders);
      const paused = new Set(db.pauses.flatMap((pauses) => Object.keys(pauses)));
      const mine = db.due
        .filter(({ forwarder }) => forwarders[forwarder] === null && !paused.has(forwarder))
        .slice(0, limit);
      db.due = db.due.filter((one) => !mine.includes(one));
      return Promise.resolve({ claims: mine, unreadable: [] });
    },
    record(results, pauses) {
      db.results.push(...results);
      db.pauses.push(pauses);
      return Promise.resolve(results.length);
    },
  };
  return db;
}

/** The three lines of an envelope, parsed, and what its second line says of its third. */
export function readEnvelope(body: string): { header: Loose; item: Loose; event: Loose } {
  const [header = "", item = "", payload = "", ...rest] = body.split("\n");
  if (rest.join("") !== "") throw new Error("The envelope holds more than one event.");
  const read = { header: JSON.parse(header), item: JSON.parse(item), event: JSON.parse(payload) };
  if (read.item["length"] !== new TextEncoder().encode(payload).length) {
    throw new Error("The event is not as long as the envelope says.");
  }
  return read;
}
