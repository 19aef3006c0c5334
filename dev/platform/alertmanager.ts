// An alertmanager channel before Debian's Alertmanager, in the folder that debian.ts makes: it takes
// what tocsin-notify hands over, knows an alert again when it repeats, and ends it when it is over.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { withClient } from "../database.ts";
import { guard } from "../guard.ts";
import { freePort } from "../ports.ts";
import { startSenders } from "../senders.ts";

const alertsSchema = z.array(
  z.object({
    labels: z.record(z.string(), z.string()),
    annotations: z.record(z.string(), z.string()),
    startsAt: z.string(),
    endsAt: z.string(),
    status: z.object({ state: z.string() }),
  }),
);
type Alerts = z.infer<typeof alertsSchema>;

export type Alertmanager = {
  url: string;
  host: string;
  /** The alerts that are not over. */
  alerts: () => Promise<Alerts>;
  stop: () => Promise<void>;
};

export async function startAlertmanager(debian: string): Promise<Alertmanager> {
  const folder = mkdtempSync(join(debian, "var/tmp/alertmanager-"));
  const inside = (name: string): string => join(folder, name).slice(debian.length);
  // JSON is YAML.
  const config = { route: { receiver: "nobody" }, receivers: [{ name: "nobody" }] };
  writeFileSync(join(folder, "alertmanager.yml"), JSON.stringify(config));
  const host = `127.0.0.1:${await freePort(0)}`;
  const child = spawn(
    "chroot",
    [
      ...[debian, "/usr/bin/prometheus-alertmanager"],
      `--config.file=${inside("alertmanager.yml")}`,
      `--storage.path=${inside("data")}`,
      `--web.listen-address=${host}`,
      "--cluster.listen-address=",
    ],
    { detached: true, stdio: ["ignore", "ignore", "pipe"], env: { PATH: process.env["PATH"] } },
  );
  const guarded = guard(child, "TERM", folder);
  let log = "";
  child.stderr.on("data", (chunk: Buffer) => (log += chunk.toString()));
  const ended = new Promise<void>((done) => child.once("close", () => done()));
  const stop = async (): Promise<void> => {
    child.kill("SIGTERM");
    await ended;
    guarded.dismiss();
    rmSync(folder, { recursive: true, force: true });
  };
  const url = `http://${host}`;
  const alerts = async (): Promise<Alerts> =>
    alertsSchema.parse(await (await fetch(`${url}/api/v2/alerts?active=true`)).json());
  for (let tries = 0; tries < 300 && child.exitCode === null; tries++) {
    if (await alerts().catch(() => undefined)) return { url, host, alerts, stop };
    await sleep(100);
  }
  await stop();
  throw new Error(`Alertmanager does not answer:\n${log}`);
}

/** What tocsin-notify hands over, through a channel of the product on this database. */
export async function deliverToAlertmanager(debian: string, databaseUrl: string): Promise<void> {
  const manager = await startAlertmanager(debian);
  const senders = await startSenders({
    databaseUrl,
    count: 1,
    env: { TOCSIN_ALLOW_INSECURE_HOSTS: manager.host },
  });
  try {
    await withClient(databaseUrl, async (db) => {
      const [hashed, name] = ["sha256(convert_to($1, 'UTF8'))", "alertmanager of a test"];
      await db.query(
        `insert into tocsin_internal.doorbell_tokens (token_hash) values (${hashed})`,
        [senders.token],
      );
      await db.query(
        "insert into tocsin.alert_channels (name, kind, url) values ($1, 'alertmanager', $2)",
        [name, manager.url],
      );
      const tell = async (content: object): Promise<Alerts> => {
        await db.query(notify, [JSON.stringify({ ...measured, ...content }), name]);
        const result = await senders.drain(0, 0);
        assert.equal(result?.delivered, 1, JSON.stringify(result));
        return await manager.alerts();
      };
      try {
        const since = new Date(Date.now() - 10 * 60_000).toISOString();
        const firing = {
          alert_id: "a",
          state: "firing",
          value: 34,
          threshold: 5,
          unit: "%",
          since,
        };
        const [fired, ...others] = await tell({ purpose: "first", alert: firing });
        assert.deepEqual(others, []);
        assert.equal(fired?.labels["alertname"], "tocsin_failure_rate");
        assert.equal(fired.labels["severity"], "high");
        assert.equal(fired.labels["workflow"], "order-import");
        assert.equal(fired.annotations["summary"], measured.title);
        assert.equal(new Date(fired.startsAt).toISOString(), since);
        assert.ok(Date.parse(fired.endsAt) > Date.now() + 23 * 3_600_000);

        const repeated = await tell({ purpose: "repeat", alert: firing });
        assert.deepEqual(
          repeated.map(({ labels }) => labels),
          [fired.labels],
          "the same alert, told again",
        );
        const over = await tell({
          purpose: "resolved",
          alert: { ...firing, state: "resolved", resolved_at: new Date().toISOString() },
        });
        assert.deepEqual(over, [], "and it is over");

        // what happened once, with labels as bad as they can be, ends by resolve_timeout
        const message = 'a "bad" message\\ {x="y"}\nwith 日本語';
        const event = { run_id: message, node: message, message };
        const [once] = await tell({ purpose: "first", kind: "run_failed", title: null, event });
        assert.equal(once?.labels["run_id"], 'a "bad" message\\ {x="y"} with 日本語');
        assert.equal(once.status.state, "active");
      } finally {
        await db.query("delete from tocsin.alert_channels where name = $1", [name]);
        await db.query(`delete from tocsin_internal.doorbell_tokens where token_hash = ${hashed}`, [
          senders.token,
        ]);
      }
    });
  } finally {
    await senders.stop();
    await manager.stop();
  }
}

const measured = {
  version: 1,
  notification_id: "4d0e8a8e-1a5f-4f3b-9a11-0c439d2b1a30",
  kind: "failure_rate",
  severity: "high",
  title: "Failure rate of order-import is 34 % (limit 5 %)",
  facts: [{ label: "Failure rate", value: "34 % of 120 runs" }],
  setting: { setting_id: "9d2b1a30-0c43-4d0e-8a8e-1a5f0f3b7a11", name: "Too many fail" },
  project_id: "shop",
  workflow_id: "c9a1f0d2",
  workflow_name: "order-import",
  event: null,
  decided_at: new Date().toISOString(),
};

const notify = `
  with made as (
    insert into tocsin.notifications (setting_id, project_id, workflow_id, purpose, content,
      decided_at)
    select null, 'shop', 'order-import', $1::jsonb ->> 'purpose', $1, now()
    returning notification_id
  )
  select from made, tocsin_internal.make_deliveries(notification_id,
    array(select channel_id from tocsin.alert_channels where name = $2), now())`;
