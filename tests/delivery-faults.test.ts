// Delivery when things go wrong: real functions, real sockets, a real database, a moved clock.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { startTestDatabase, type TestServer } from "../dev/test/database.ts";
import { seeded, startDelivery } from "./support/delivery.ts";
import { startFaultyReceiver, type Reply } from "./support/receiver.ts";

let server: TestServer;
before(async () => {
  server = await startTestDatabase();
});
after(() => server?.stop());

const quick = { sendTimeoutMs: 1_000, connectTimeoutMs: 1_000 };
const ok: Reply = { status: 200, body: "ok" };

test("5,000 notifications, 30 % of attempts fail, functions die: nothing is lost", async (t) => {
  const random = seeded(20_261_121);
  const failures: Reply[] = [
    { status: 500, body: "no" },
    { reset: true },
    { status: 503 },
    { raw: "220 mail.example ESMTP\r\n" },
    { status: 302, headers: { location: "https://elsewhere.example/" } },
    { raw: "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n" },
  ];
  let failed = 0;
  const receiver = await startFaultyReceiver(() => {
    if (random() >= 0.3) return ok;
    failed += 1;
    // few are slow or ask for a pause, or the test would be
    if (random() < 0.01) return random() < 0.5 ? { silence: true } : { dripMs: 50 };
    if (random() < 0.03) return { status: 429, headers: { "retry-after": "7" } };
    return failures[Math.floor(random() * failures.length)] ?? ok;
  });
  const db = await server.clone();
  const delivery = await startDelivery(db, {
    count: 2,
    env: { TOCSIN_ALLOW_INSECURE_HOSTS: receiver.host },
    limits: quick,
    dieAt: 20,
  });
  try {
    await db.sql(
      `insert into tocsin.alert_channels (name, kind, url)
       select 'hook ' || n, 'webhook', $1 || '/' || n from generate_series(1, 25) as n`,
      [receiver.url],
    );
    const names = Array.from({ length: 25 }, (_, n) => `hook ${n + 1}`);
    await delivery.notify(names, 200);
    const beats = await delivery.untilDone();

    const states = await delivery.states();
    const rows = await db.sql<{ delivery_id: string }>("select delivery_id from tocsin.deliveries");
    const ids = new Set(rows.map(({ delivery_id: id }) => `msg_${id}`));
    const unknown = [...receiver.accepted.keys()].filter((id) => !ids.has(id));
    const repeated = [...receiver.accepted.values()].filter((count) => count > 1).length;
    const [tried] = await db.sql<{ outcome: string; count: number }>(
      "select count(*)::int as count from tocsin.delivery_attempts",
    );
    t.diagnostic(
      `${states["delivered"] ?? 0} of 5000 delivered by ${receiver.arrivals.length} requests, of ` +
        `which ${failed} failed; ${delivery.senders.deaths()} functions died; ${repeated} came twice ` +
        `under one id; ${tried?.count} attempts recorded; ${beats} beats, ` +
        `${(delivery.offset() / 3_600_000).toFixed(1)} h`,
    );
    assert.equal(ids.size, 5_000);
    assert.equal(
      Object.values(states).reduce((sum, count) => sum + count, 0),
      5_000,
      "every delivery is still there",
    );
    assert.ok((states["delivered"] ?? 0) >= 4_995, JSON.stringify(states));
    assert.equal((states["delivered"] ?? 0) + (states["dead"] ?? 0), 5_000, "each has its end");
    assert.deepEqual(unknown, [], "no id but those of deliveries");
    assert.ok(receiver.accepted.size >= 4_995, "what is said to have arrived did");
    assert.ok(failed / receiver.arrivals.length > 0.27, "30 % did fail");
    assert.ok(delivery.senders.deaths() >= 5, "functions did die");
    assert.ok(repeated >= 1, "and what they had sent came again under the same id");

    const [lost] = await db.sql<{ count: number }>(
      `select count(*)::int as count from tocsin.deliveries d where state = 'delivered' and not exists (
         select from tocsin.delivery_attempts a
         where a.delivery_id = d.delivery_id and a.outcome = 'delivered')`,
    );
    assert.equal(lost?.count, 0, "and each that arrived has the attempt that says so");
  } finally {
    await delivery.stop();
    await receiver.stop();
  }
});
