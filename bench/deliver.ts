// How fast one tocsin-notify delivers to a receiver that takes 50 ms, and how much memory it has
// when it has delivered 10,000.
//
// Everything shares this machine: the database, the Data API's stand-in, the receiver and the
// function itself. A project's function has a machine of its own.

import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { withClient } from "../dev/database.ts";
import { superuser } from "../dev/postgres.ts";
import { startSenders } from "../dev/senders.ts";
import { median, withServer, type Result, type Suite } from "./measure.ts";

const receiverTakesMs = 50;

export const deliverSuite: Suite = {
  name: "deliver",
  description: `10,000 webhooks from one function to a receiver that takes ${receiverTakesMs} ms`,
  run: async () => await deliver(Number(process.env["TOCSIN_BENCH_DELIVERIES"] ?? 10_000)),
};

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

async function deliver(count: number): Promise<Result[]> {
  const ids = new Set<string>();
  const receiver = createServer((request, response) => {
    ids.add(String(request.headers["webhook-id"]));
    request.resume();
    void sleep(receiverTakesMs).then(() => response.writeHead(200).end("ok"));
  });
  await new Promise<void>((done) => receiver.listen(0, "127.0.0.1", done));
  const { port } = receiver.address() as AddressInfo;
  try {
    return await withServer(async (server) => {
      const senders = await startSenders({
        databaseUrl: server.url(superuser),
        count: 1,
        env: { TOCSIN_ALLOW_INSECURE_HOSTS: `127.0.0.1:${port}` },
      });
      try {
        await withClient(server.url(superuser), async (db) => {
          await db.query(
            `insert into tocsin_internal.doorbell_tokens (token_hash)
             values (sha256(convert_to($1, 'UTF8')))`,
            [senders.token],
          );
          await db.query(
            "insert into tocsin.alert_channels (name, kind, url) values ('hook', 'webhook', $1)",
            [`http://127.0.0.1:${port}/hook`],
          );
          await db.query(makeNotifications, [count]);
        });

        let own = 0;
        const watch = setInterval(() => (own = Math.max(own, senders.memory(0).own)), 100);
        const rates: number[] = [];
        const began = performance.now();
        const cpu = senders.cpu(0);
        for (let delivered = 0; delivered < count;) {
          const before = performance.now();
          const result = await senders.drain(0, 0);
          if (result === undefined || result.delivered === 0) throw new Error("Nothing delivered");
          delivered += result.delivered;
          rates.push(result.delivered / ((performance.now() - before) / 1000));
        }
        const overall = count / ((performance.now() - began) / 1000);
        clearInterval(watch);
        const cpuPerSend = ((senders.cpu(0) - cpu) / count) * 1000;
        if (ids.size !== count) throw new Error(`${ids.size} of ${count} ids were received`);
        const budget = ">= 200 a second from one function";
        return [
          tell(
            "deliver",
            "a drain of 1,000",
            "webhooks a second",
            median(rates),
            rates.length,
            budget,
          ),
          tell("deliver", "all, one drain after another", "webhooks a second", overall, 1, budget),
          tell("cpu", "of the function, each", "ms", cpuPerSend, 1, "2 s for 1,000"),
          tell("memory", "its own, at most", "MiB", own, 1, "<= 128 MiB"),
          tell("memory", "with Deno's program, at most", "MiB", senders.memory(0).peak, 1),
        ];
      } finally {
        await senders.stop();
      }
    });
  } finally {
    receiver.close();
  }
}

function tell(
  scenario: string,
  variant: string,
  unit: string,
  figure: number,
  rounds: number,
  budget?: string,
): Result {
  console.log(
    `  ${variant.padEnd(30)} ${figure.toFixed(unit === "ms" ? 2 : 0).padStart(6)} ${unit}` +
      (budget === undefined ? "" : `   (budget: ${budget})`),
  );
  const description = deliverSuite.description;
  const result = { scenario, description, variant, unit, median: figure, ratio: 1, rounds };
  return budget === undefined ? result : { ...result, budget };
}
