// How deliveries fare with several channels: a dead one, one that is gone, a provider that is down,
// a secret that is rotated, a test. Real functions, real sockets, a real database, a moved clock.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Webhook } from "standardwebhooks";
import { startTestDatabase, type TestDatabase, type TestServer } from "../dev/test/database.ts";
import { startDelivery, type Delivery } from "./support/delivery.ts";
import { startFaultyReceiver, type Arrival, type Reply } from "./support/receiver.ts";

let server: TestServer;
before(async () => {
  server = await startTestDatabase();
});
after(() => server?.stop());

const ok: Reply = { status: 200, body: '{"id":"accepted"}' };
const minute = 60_000;

/** A database, a receiver and one function, for the length of a test. */
async function together(
  reply: (arrival: Arrival, nth: number) => Reply,
  work: (parts: {
    db: TestDatabase;
    delivery: Delivery;
    receiver: Awaited<ReturnType<typeof startFaultyReceiver>>;
  }) => Promise<void>,
): Promise<void> {
  const receiver = await startFaultyReceiver(reply);
  const db = await server.clone();
  const delivery = await startDelivery(db, {
    count: 1,
    env: {
      TOCSIN_ALLOW_INSECURE_HOSTS: receiver.host,
      RESEND_API_KEY: "re_test",
      RESEND_BASE_URL: receiver.url,
      TOCSIN_EMAIL_FROM: "Tocsin <alerts@shop.example>",
      TWILIO_ACCOUNT_SID: "AC1",
      TWILIO_AUTH_TOKEN: "secret",
      TWILIO_FROM: "+15005550006",
      TWILIO_BASE_URL: receiver.url,
    },
    limits: { sendTimeoutMs: 1_500, connectTimeoutMs: 1_500 },
  });
  try {
    await work({ db, delivery, receiver });
  } finally {
    await delivery.stop();
    await receiver.stop();
  }
}

const hook = async (db: TestDatabase, name: string, url: string): Promise<string> => {
  const [row] = await db.sql<{ channel_id: string }>(
    "insert into tocsin.alert_channels (name, kind, url) values ($1, 'webhook', $2) returning channel_id",
    [name, url],
  );
  return row?.channel_id ?? "";
};

test("a channel that never answers, with 500 waiting, holds up nobody", async (t) => {
  await together(
    ({ path }) => (path === "/dead" ? { silence: true } : ok),
    async ({ db, delivery, receiver }) => {
      await hook(db, "dead", `${receiver.url}/dead`);
      for (let n = 1; n <= 5; n++) await hook(db, `live ${n}`, `${receiver.url}/live/${n}`);
      await delivery.notify(["dead"], 500);
      delivery.move(1_000);
      await delivery.notify(["live 1", "live 2", "live 3", "live 4", "live 5"], 20);
      delivery.move(1_000);

      const began = performance.now();
      let arrivedAfter = 0;
      const watch = setInterval(() => {
        if (receiver.accepted.size >= 100) arrivedAfter ||= performance.now() - began;
      }, 5);
      await delivery.beat();
      clearInterval(watch);
      const dead = receiver.arrivals.filter(({ path }) => path === "/dead").length;
      t.diagnostic(
        `100 of 5 live channels after ${arrivedAfter.toFixed(0)} ms, behind 500 of a dead one; ` +
          `${dead} requests to that`,
      );
      assert.equal(receiver.accepted.size, 100, "all of the others, in the very first beat");
      assert.ok(dead <= 10, "and the dead one is not tried 500 times");
      const [state] = await db.sql<{ state: string }>(
        "select state::text from tocsin.channel_states s join tocsin.alert_channels using (channel_id) where name = 'dead'",
      );
      assert.equal(state?.state, "open");

      // while it rests, it is not asked at all, and what waits uses up no attempts
      delivery.move(30_000);
      await delivery.notify(["live 1"], 3);
      await delivery.beat();
      assert.equal(receiver.arrivals.filter(({ path }) => path === "/dead").length, dead);
      assert.equal(receiver.accepted.size, 103);
      const [waiting] = await db.sql<{ most: number }>(
        "select max(attempt_count)::int as most from tocsin.deliveries where channel_name = 'dead'",
      );
      assert.ok((waiting?.most ?? 9) <= 2);
    },
  );
});

test("Resend is down for an hour: every email arrives once, soon after, with few requests", async (t) => {
  let isDown = true;
  const faults: Reply[] = [{ status: 500 }, { reset: true }, { status: 503 }, { raw: "nonsense" }];
  await together(
    (_, nth) => (isDown ? (faults[nth % faults.length] ?? ok) : ok),
    async ({ db, delivery, receiver }) => {
      await db.sql(
        "insert into tocsin.alert_channels (name, kind, recipients) values ('mail', 'email', '{a@x.example,b@x.example}')",
      );
      await delivery.notify(["mail"], 20);
      const hour = new Date(delivery.now().getTime() + 60 * minute);
      await delivery.untilDone({ until: hour });
      const during = receiver.arrivals.length;
      assert.equal(receiver.accepted.size, 0);
      isDown = false;
      delivery.move(Math.max(0, hour.getTime() - delivery.now().getTime()));
      await delivery.untilDone();

      const states = await delivery.states();
      const [last] = await db.sql<{ minutes: number; times: number }>(
        `select extract(epoch from max(delivered_at) - $1::timestamptz)::float8 / 60 as minutes,
           count(*)::int as times from tocsin.deliveries where state = 'delivered'`,
        [hour],
      );
      t.diagnostic(
        `${during} requests while it was down; 40 emails, the last ${last?.minutes.toFixed(0)} min after`,
      );
      assert.deepEqual(states, { delivered: 40 });
      assert.equal(receiver.accepted.size, 40);
      assert.ok([...receiver.accepted.values()].every((count) => count === 1));
      assert.ok(during < 40, `the breaker spared it: ${during} requests`);
      assert.ok((last?.minutes ?? 999) <= 45, "soon after");
    },
  );
});

test("410 turns a channel off at once; the operators hear of it, and what it missed can be replayed", async () => {
  let isGone = true;
  await together(
    ({ path }) => (path === "/gone" && isGone ? { status: 410, body: "no more" } : ok),
    async ({ db, delivery, receiver }) => {
      const gone = await hook(db, "gone", `${receiver.url}/gone`);
      await hook(db, "operators", `${receiver.url}/operators`);
      await delivery.notify(["gone"], 3);
      await delivery.beat();
      await delivery.beat();
      const [channel] = await db.sql<{ is_enabled: boolean; disabled_reason: string }>(
        "select is_enabled, disabled_reason from tocsin.alert_channels join tocsin.channel_states using (channel_id) where channel_id = $1",
        [gone],
      );
      assert.equal(channel?.is_enabled, false);
      assert.match(channel?.disabled_reason ?? "", /wants no more.*410/);
      const told = receiver.arrivals.filter(({ path }) => path === "/operators");
      assert.equal(told.length, 1);
      const body = JSON.parse(told[0]?.body ?? "{}") as { type: string; data: { title: string } };
      assert.equal(body.type, "channel.disabled");
      assert.match(body.data.title, /webhook channel "gone" was turned off/);
      assert.deepEqual(await delivery.states(), { dead: 3, delivered: 1 });

      isGone = false;
      await db.sql("update tocsin.alert_channels set is_enabled = true where channel_id = $1", [
        gone,
      ]);
      const dead = await db.sql<{ delivery_id: string }>(
        "select delivery_id from tocsin.deliveries where state = 'dead'",
      );
      for (const { delivery_id: id } of dead) {
        await db.sql("select tocsin.retry_delivery($1, $2)", [id, delivery.now()]);
      }
      await delivery.beat();
      assert.deepEqual(await delivery.states(), { delivered: 4 });
      for (const { delivery_id: id } of dead) {
        assert.equal(receiver.accepted.get(`msg_${id}`), 1, "under the same id");
      }
    },
  );
});

test("a test goes the very way of a real alert, through a channel of every kind", async () => {
  await together(
    () => ok,
    async ({ db, delivery, receiver }) => {
      await db.sql(
        `insert into tocsin.alert_channels (name, kind, url, recipients) values
           ('hook', 'webhook', $1 || '/hook', '{}'), ('slack', 'slack', $1 || '/services/T/B/x', '{}'),
           ('alertmanager', 'alertmanager', $1, '{}'),
           ('mail', 'email', null, '{a@x.example}'), ('phone', 'sms', null, '{+4915112345678}')`,
        [receiver.url],
      );
      await db.sql("select tocsin.send_test_alert(channel_id, $1) from tocsin.alert_channels", [
        delivery.now(),
      ]);
      await delivery.beat();
      assert.deepEqual(await delivery.states(), { delivered: 5 });
      const body = (path: string): string =>
        receiver.arrivals.find((one) => one.path.startsWith(path))?.body ?? "";
      assert.match(body("/hook"), /"type":"test"/);
      assert.match(body("/services"), /This channel works/);
      assert.match(body("/api/v2/alerts"), /"test":"true"/);
      assert.match(body("/emails"), /List-Unsubscribe-Post/);
      assert.match(decodeURIComponent(body("/2010-04-01")), /TEST:\+This\+channel\+works/);
      const attempts = await db.sql<{ http_status: number }>(
        "select http_status from tocsin.delivery_attempts",
      );
      assert.deepEqual(
        attempts.map((one) => one.http_status),
        [200, 200, 200, 200, 200],
      );
    },
  );
});

test("while a secret is rotated, a receiver with either one verifies; afterwards only the new", async () => {
  await together(
    () => ok,
    async ({ db, delivery, receiver }) => {
      const id = await hook(db, "hook", `${receiver.url}/hook`);
      const [old] = await db.sql<{ secret: string }>("select tocsin.channel_secret($1) as secret", [
        id,
      ]);
      const [fresh] = await db.sql<{ secret: string }>(
        "select tocsin.rotate_channel_secret($1, '1 hour', $2) as secret",
        [id, delivery.now()],
      );
      await delivery.notify(["hook"]);
      await delivery.beat();
      assert.deepEqual(verifiedBy(receiver.arrivals.at(-1), [old?.secret, fresh?.secret]), [
        true,
        true,
      ]);
      delivery.move(61 * minute);
      await delivery.notify(["hook"]);
      await delivery.beat();
      assert.deepEqual(verifiedBy(receiver.arrivals.at(-1), [old?.secret, fresh?.secret]), [
        false,
        true,
      ]);
    },
  );
});

/** With which of the secrets a request can be verified, its clock aside. */
function verifiedBy(arrival: Arrival | undefined, secrets: (string | undefined)[]): boolean[] {
  const id = arrival?.headers.get("webhook-id") ?? "";
  const sentAt = new Date(Number(arrival?.headers.get("webhook-timestamp")) * 1000);
  const given = (arrival?.headers.get("webhook-signature") ?? "").split(" ");
  return secrets.map((secret) =>
    given.includes(new Webhook(secret ?? "").sign(id, sentAt, arrival?.body ?? "")),
  );
}

test("an address inside is not sent to, and the attempt says why", async () => {
  await together(
    () => ok,
    async ({ db, delivery, receiver }) => {
      const inside = [
        "https://169.254.169.254/latest/meta-data",
        "https://[::ffff:127.0.0.1]/",
        "https://[64:ff9b::7f00:1]/",
        "https://[2002:7f00:1::]/",
        "https://[2001:0:4136:e378:8000:63bf:3fff:fdd2]/",
        "https://100.64.0.1/",
        "https://0x7f000001/",
        "https://2130706433/",
        "https://localhost/",
        `http://localhost:${receiver.url.split(":").at(-1) ?? ""}/`,
      ];
      for (const url of inside) await hook(db, url, url);
      await delivery.notify(inside);
      await delivery.beat();
      assert.deepEqual(await delivery.states(), { dead: inside.length });
      assert.equal(receiver.arrivals.length, 0);
      const errors = await db.sql<{ error: string }>("select error from tocsin.delivery_attempts");
      assert.ok(
        errors.every(({ error }) => /is not sent to|is not https/.test(error)),
        JSON.stringify(errors),
      );
    },
  );
});
