/** A notification, a claim, and a queue in memory that keeps the database's side of the contract. */
import type { Log } from "../../_shared/log.ts";
import type { Attempt, Database } from "../db.ts";
import type { Deps } from "../deps.ts";
import { channels } from "../channels/registry.ts";
import { forwarders } from "../forward/registry.ts";
import { type Claim, type Notification, notificationSchema } from "../notification.ts";

export const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
export const token = "the-doorbells-token";

type Loose = Record<string, unknown>;

export function rawNotification(overrides: Loose = {}, event: Loose = {}): Loose {
  return {
    version: 1,
    notification_id: "5b1f7f0e-6a52-4a0e-9d0e-2f3c7a9d1c55",
    purpose: "first",
    kind: "run_failed",
    severity: "high",
    setting: { setting_id: "9d2b1a30-0c43-4d0e-8a8e-1a5f0f3b7a11", name: "Every failed run" },
    project_id: "shop",
    workflow_id: "c9a1f0d2-77aa-4b7e-8f7e-91d4b5a6c3e8",
    workflow_name: "order-import",
    event: {
      error_id: "7c1d2e3f-0000-4000-8000-000000000001",
      source_id: "public.workflow_runs",
      run_id: "8f3c2a44-1d0b-4b1e-9c61-5f3e0a7b2d19",
      node: "createContact",
      error_type: "http_error",
      message: "HTTP 502 from createContact",
      occurred_at: "2026-11-21T09:02:11.412+00:00",
      attempt: 5,
      run_url: "https://app.example/runs/8f3c2a44",
      ...event,
    },
    held_back: null,
    throttle: { limit: 1, window_seconds: 300 },
    decided_at: "2026-11-21T09:02:13+00:00",
    ...overrides,
  };
}

export function notification(overrides: Loose = {}, event: Loose = {}): Notification {
  return notificationSchema.parse(rawNotification(overrides, event));
}

export function heldBack(count: number, runs = count): Loose {
  return {
    count,
    since: "2026-11-21T09:02:20Z",
    until: "2026-11-21T09:07:10Z",
    runs: Array.from({ length: Math.min(runs, 10) }, (_, index) => ({
      run_id: `run-${count - index}`,
      node: "createContact",
      message: `HTTP 502, number ${count - index}`,
      occurred_at: `2026-11-21T09:0${6 - (index % 5)}:00Z`,
      run_url: `https://app.example/runs/${count - index}`,
    })),
  };
}

let lastId = 0;

export function claim(overrides: Partial<Claim> = {}): Claim {
  lastId += 1;
  return {
    delivery_id: `00000000-0000-4000-8000-${String(lastId).padStart(12, "0")}`,
    attempt: 1,
    earlier_attempts: 0,
    channel_id: "channel-1",
    channel_kind: "webhook",
    channel_name: "Ops",
    channel_config: { url: "https://hooks.example.test/" },
    channel_secrets: [secret],
    created_at: new Date(),
    wait_ms: 0,
    template: null,
    notification: rawNotification(),
    ...overrides,
  };
}

export interface FakeDatabase extends Database {
  /** What is due; a retry puts the delivery back as its next attempt, due at once. */
  due: Claim[];
  recorded: Attempt[];
  released: string[];
  claims: number;
  unsubscribed: string[];
}

/** `retries`: whether a retry becomes due again at once, as though its time had come. */
export function fakeDatabase(due: Claim[], { retries = false } = {}): FakeDatabase {
  const claimed = new Map<string, Claim>();
  const db: FakeDatabase = {
    due,
    recorded: [],
    released: [],
    claims: 0,
    unsubscribed: [],
    unsubscribe: (given) => {
      db.unsubscribed.push(given);
      return Promise.resolve(given.startsWith("known"));
    },
    checkDoorbell: (given) => Promise.resolve(given === token),
    claimDeliveries: (limit) => {
      db.claims += 1;
      const rows = db.due.splice(0, limit);
      for (const row of rows) claimed.set(row.delivery_id, row);
      return Promise.resolve({ claims: rows, unreadable: [] });
    },
    recordAttempt: (attempt) => {
      db.recorded.push(attempt);
      const row = claimed.get(attempt.deliveryId);
      claimed.delete(attempt.deliveryId);
      if (row === undefined) return Promise.resolve("stale");
      if (attempt.outcome === "retry") {
        if (retries) db.due.push({ ...row, attempt: row.attempt + 1 });
        return Promise.resolve("pending");
      }
      return Promise.resolve(attempt.outcome);
    },
    releaseDeliveries: (keys) => {
      const held = keys.flatMap(({ delivery_id, attempt }) => {
        const row = claimed.get(delivery_id);
        return row?.attempt === attempt ? [row] : [];
      });
      for (const row of held) {
        claimed.delete(row.delivery_id);
        db.released.push(row.delivery_id);
        db.due.push(row);
      }
      return Promise.resolve(held.length);
    },
  };
  return db;
}

export interface Line {
  level: string;
  event: string;
  text: string;
}

export function recordingLog(lines: Line[] = []): Log & { lines: Line[] } {
  const write =
    (level: string) =>
    (event: string, fields: unknown = {}) => {
      lines.push({ level, event, text: JSON.stringify(fields) });
    };
  return { lines, info: write("info"), warn: write("warn"), error: write("error") };
}

export function testDeps(
  overrides: Partial<Deps> & { values?: Record<string, string> } = {},
): Deps {
  const { values = {}, ...rest } = overrides;
  return {
    db: fakeDatabase([]),
    fetch: () => Promise.reject(new Error("the test did not expect fetch to be called")),
    now: () => new Date(),
    env: { get: (name) => values[name] },
    log: recordingLog(),
    random: () => 0.5,
    resolve: () => Promise.reject(new Error("the test did not expect a name to be resolved")),
    channels,
    forwardings: {
      claim: () => Promise.resolve({ claims: [], unreadable: [] }),
      record: (results) => Promise.resolve(results.length),
    },
    forwarders,
    heartbeat: { claim: () => Promise.resolve(null), record: () => Promise.resolve() },
    keepAlive: () => undefined,
    ...rest,
  };
}

/** A ring that waits for the drain and is answered with its result. */
export function ringAndWait() {
  return ring({ type: "drain", wait: true });
}

/** A ring as the database's. */
export function ring(body: unknown = { type: "drain" }, headers: Record<string, string> = {}) {
  return new Request("http://127.0.0.1/tocsin-notify", {
    method: "POST",
    headers: { "x-tocsin-token": token, "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  });
}
