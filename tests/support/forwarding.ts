// A database whose errors are forwarded, functions before it, and a clock that is moved.

import type { TestContext } from "node:test";
import { superuser } from "../../dev/postgres.ts";
import { startSenders, type Senders } from "../../dev/senders.ts";
import type { TestDatabase, TestServer } from "../../dev/test/database.ts";
import { startSentry, type SentryDouble } from "./sentry.ts";

type Setting = { count?: number; dieAt?: number; env?: Record<string, string> };
export type Scene = {
  db: TestDatabase;
  sentry: SentryDouble;
  senders: Senders;
  now: () => Date;
  move: (milliseconds: number) => void;
  /** Reports errors and stores them, as the heart does. */
  report: (messages: string[], more?: Record<string, unknown>) => Promise<void>;
  /** Rings each sender that the heart would ring. */
  ring: () => Promise<number>;
  states: (forwarder?: string) => Promise<Record<string, number>>;
};

export async function startScene(
  server: TestServer,
  t: TestContext,
  { count = 1, dieAt, env = {} }: Setting = {},
): Promise<Scene> {
  const sentry = await startSentry();
  t.after(() => sentry.stop());
  const db = await server.clone();
  const senders = await startSenders({
    databaseUrl: db.url(superuser),
    count,
    env: {
      SENTRY_DSN: sentry.dsn,
      TOCSIN_ALLOW_INSECURE_HOSTS: sentry.host,
      TOCSIN_DASHBOARD_URL: "https://tocsin.example/",
      ROLLBAR_BASE_URL: `http://${sentry.host}`,
      ...env,
    },
    ...(dieAt === undefined ? {} : { dieAt }),
  });
  t.after(() => senders.stop());
  await db.sql(
    `insert into tocsin_internal.doorbell_tokens (token_hash)
     values (sha256(convert_to($1, 'UTF8')))`,
    [senders.token],
  );
  let offset = 0;
  const now = (): Date => new Date(Date.now() + offset);
  return {
    db,
    sentry,
    senders,
    now,
    move: (milliseconds) => void (offset += milliseconds),
    report: async (messages, more = {}) => {
      await db.sql("select tocsin.report_errors($1::json)", [
        JSON.stringify(messages.map((message) => ({ message, ...more }))),
      ]);
      await db.sql("select tocsin_internal.ingest_reports($1)", [now()]);
    },
    ring: async () => {
      const [due] = await db.sql<{ due: boolean }>(
        "select tocsin_internal.is_forwarding_due($1) as due",
        [now()],
      );
      if (due?.due !== true) return 0;
      const rung = Array.from({ length: count }, (_, sender) => senders.drain(sender, offset));
      const results = await Promise.all(rung);
      await db.sql("update tocsin_internal.installation set last_doorbell_at = $1", [now()]);
      return results.reduce((sum, result) => sum + (result?.forwarding?.["forwarded"] ?? 0), 0);
    },
    states: async (forwarder = "sentry") => {
      const rows = await db.sql<{ state: string; count: number }>(
        `select state::text, count(*)::int as count from tocsin.forwardings
         where forwarder = $1 group by 1`,
        [forwarder],
      );
      return Object.fromEntries(rows.map((row) => [row.state, row.count]));
    },
  };
}
