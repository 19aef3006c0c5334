// A database with deliveries, senders before it, and a clock that is moved: what the tests of
// delivery share.

import {
  startSenders,
  type DrainResult,
  type Senders,
  type SendersOptions,
} from "../../dev/senders.ts";
import type { TestDatabase } from "../../dev/test/database.ts";
import { superuser } from "../../dev/postgres.ts";

export type Delivery = {
  db: TestDatabase;
  senders: Senders;
  /** How far the clock has been moved, in milliseconds. */
  offset: () => number;
  now: () => Date;
  move: (milliseconds: number) => void;
  /** A notification to each of the channels, as often as said. */
  notify: (channels: string[], count?: number) => Promise<void>;
  /** One beat of the heart's part, and all senders at once. */
  beat: () => Promise<(DrainResult | undefined)[]>;
  /** Beats, and moves the clock to when something is next due, until nothing is left to do. */
  untilDone: (limits?: { beats?: number; until?: Date }) => Promise<number>;
  states: () => Promise<Record<string, number>>;
  stop: () => Promise<void>;
};

/** What is due within as long goes together; more often would only take longer. */
const beatEveryMs = 15_000;

export async function startDelivery(
  db: TestDatabase,
  options: Omit<SendersOptions, "databaseUrl">,
): Promise<Delivery> {
  const senders = await startSenders({ ...options, databaseUrl: db.url(superuser) });
  await db.sql(
    `insert into tocsin_internal.doorbell_tokens (token_hash)
     values (sha256(convert_to($1, 'UTF8')))`,
    [senders.token],
  );
  let offset = 0;
  const now = (): Date => new Date(Date.now() + offset);
  const beat = async (): Promise<(DrainResult | undefined)[]> => {
    await db.sql("select tocsin_internal.queue_deliveries($1)", [now()]);
    return await Promise.all(
      Array.from({ length: options.count }, (_, sender) => senders.drain(sender, offset)),
    );
  };

  /** When anything can next be done, if there is anything at all. */
  const nextDue = async (): Promise<Date | undefined> => {
    const [row] = await db.sql<{ at: Date | null }>(
      `select min(case
          when d.state = 'sending' then d.lease_until + interval '1 second'
          else greatest(d.next_attempt_at, b.retry_at, s.free_at - case
            when p.per_second is null then interval '0' else interval '20 seconds' end) end) as at
       from tocsin.deliveries d
       join tocsin.alert_channels c on c.channel_id = d.channel_id
       left join tocsin.channel_states b on b.channel_id = d.channel_id and b.state <> 'closed'
       left join tocsin.send_paces p on p.kind = d.channel_kind
       left join tocsin_internal.send_slots s
         on s.lane = tocsin_internal.lane_of(d.channel_id, d.channel_kind)
       where d.state in ('pending', 'sending')`,
    );
    return row?.at ?? undefined;
  };

  return {
    db,
    senders,
    offset: () => offset,
    now,
    move: (milliseconds) => (offset += milliseconds),
    notify: async (channels, count = 1) => {
      await db.sql(
        `with made as (
           insert into tocsin.notifications (setting_id, project_id, workflow_id, purpose, content,
             decided_at)
           select null, 'shop', 'order-import', 'first', jsonb_build_object('version', 1,
             'notification_id', gen_random_uuid(), 'purpose', 'first', 'kind', 'run_failed',
             'severity', 'high', 'title', 'order-import failed, number ' || n, 'facts', '[]'::jsonb,
             'project_id', 'shop', 'workflow_id', 'order-import', 'decided_at', $3::timestamptz),
             $3
           from generate_series(1, $2::int) as n returning notification_id)
         select tocsin_internal.make_deliveries(notification_id, array(
           select channel_id from tocsin.alert_channels where name = any ($1::text[])), $3)
         from made`,
        [channels, count, now()],
      );
    },
    beat,
    untilDone: async ({ beats = 2_000, until } = {}) => {
      for (let beaten = 1; beaten <= beats; beaten++) {
        await beat();
        const due = await nextDue();
        if (due === undefined || (until !== undefined && due > until)) return beaten;
        offset += Math.max(0, due.getTime() - now().getTime()) + beatEveryMs;
      }
      throw new Error(`There is still something to send after ${beats} beats.`);
    },
    states: async () => {
      const rows = await db.sql<{ state: string; count: number }>(
        "select state::text, count(*)::int as count from tocsin.deliveries group by state",
      );
      return Object.fromEntries(rows.map(({ state, count }) => [state, count]));
    },
    stop: () => senders.stop(),
  };
}

/** Numbers in [0, 1) that are the same in every run (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
