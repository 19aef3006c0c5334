// How fast one tocsin-notify delivers to a receiver that takes 50 ms, and how much memory it has
// when it has delivered 10,000.   node bench/deliver.ts [deliveries]
//
// Everything shares this machine: the database, the Data API's stand-in, the receiver and the
// function itself. A project's function has a machine of its own.

import { createServer } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import type { AddressInfo } from "node:net";
import { applyMigrations, bootstrapDatabase, withClient } from "../dev/database.ts";
import { startPostgres, superuser } from "../dev/postgres.ts";
import { startSenders } from "../dev/senders.ts";

const count = Number(process.argv[2] ?? 10_000);
const receiverTakesMs = 50;

/** $1 notifications to the only channel, due now. */
const makeNotifications = `
  with made as (
    insert into tocsin.notifications (setting_id, project_id, workflow_id, purpose, content,
      decided_at)
    select null, 'shop', 'order-import', 'first', jsonb_build_object('version', 1,
      'notification_id', gen_random_uuid(), 'purpose', 'first', 'kind', 'run_failed',
      'severity', 'high', 'title', 'order-import failed, number ' || n,
      'facts', '[{"label": "Node", "value": "createContact"}]'::jsonb, 'project_id', 'shop',
      'workflow_id', 'order-import', 'event', jsonb_build_object('run_id', 'run-' || n,
      'message', 'HTTP 502 from createContact ' || repeat('x', 500)), 'decided_at', now()), now()
    from generate_series(1, $1::int) as n
    returning notification_id
  )
  select from made, tocsin_internal.make_deliveries(notification_id,
    array(select channel_id from tocsin.alert_channels), now())`;

const ids = new Set<string>();
const receiver = createServer((request, response) => {
  ids.add(String(request.headers["webhook-id"]));
  request.resume();
  void sleep(receiverTakesMs).then(() => response.writeHead(200).end("ok"));
});
await new Promise<void>((done) => receiver.listen(0, "127.0.0.1", done));
const { port } = receiver.address() as AddressInfo;

const server = await startPostgres({ unsafe: false });
try {
  await bootstrapDatabase(server.url(superuser));
  await applyMigrations(server.url());
  const senders = await startSenders({
    databaseUrl: server.url(superuser),
    count: 1,
    env: { TOCSIN_ALLOW_INSECURE_HOSTS: `127.0.0.1:${port}` },
  });
  await withClient(server.url(superuser), async (db) => {
    await db.query(
      "insert into tocsin_internal.doorbell_tokens (token_hash) values (sha256(convert_to($1, 'UTF8')))",
      [senders.token],
    );
    await db.query(
      "insert into tocsin.alert_channels (name, kind, url) values ('hook', 'webhook', $1)",
      [`http://127.0.0.1:${port}/hook`],
    );
    await db.query(makeNotifications, [count]);

    let own = 0;
    const watch = setInterval(() => (own = Math.max(own, senders.memory(0).own)), 100);
    const rates: number[] = [];
    const began = performance.now();
    for (let delivered = 0; delivered < count;) {
      const before = performance.now();
      const result = await senders.drain(0, 0);
      const seconds = (performance.now() - before) / 1000;
      if (result === undefined || result.delivered === 0) throw new Error(JSON.stringify(result));
      delivered += result.delivered;
      rates.push(result.delivered / seconds);
    }
    const seconds = (performance.now() - began) / 1000;
    clearInterval(watch);
    const sorted = rates.sort((a, b) => a - b);
    const median = sorted[Math.floor(sorted.length / 2)] ?? 0;
    console.log(`deliver: ${count} webhooks to a receiver that takes ${receiverTakesMs} ms`);
    console.log(`  in all       ${(count / seconds).toFixed(0).padStart(6)} a second`);
    console.log(
      `  of a drain   ${median.toFixed(0).padStart(6)} a second (median; budget: >= 200)`,
    );
    const { peak } = senders.memory(0);
    console.log(
      `  memory       ${peak.toFixed(0).padStart(6)} MiB at most, of which ${own.toFixed(0)} its own (budget: <= 128)`,
    );
    console.log(`  received     ${String(ids.size).padStart(6)} different ids of ${count}`);
  });
  await senders.stop();
} finally {
  receiver.close();
  await server.stop();
}
