// What the scenarios share: how one is described, and how a number of servers' sessions is timed.

import pg from "pg";

export type Scenario = {
  name: string;
  description: string;
  unit: string;
  budget: string;
  variants: string[];
  /** Runs one round of one variant and returns its figure, in `unit`. */
  run: (url: string, variant: string) => Promise<number>;
};

export type Result = {
  scenario: string;
  variant: string;
  unit: string;
  median: number;
  ratio: number;
  rounds: number;
};

export function median(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/** Opens `sessions` connections, lets each do its work, and returns the seconds for all of it. */
export async function timeClients(
  url: string,
  sessions: number,
  work: (client: pg.Client, session: number) => Promise<unknown>,
): Promise<number> {
  const clients = await Promise.all(
    Array.from({ length: sessions }, async () => {
      const client = new pg.Client({ connectionString: url });
      await client.connect();
      await client.query("set statement_timeout = 0");
      return client;
    }),
  );
  try {
    const began = process.hrtime.bigint();
    await Promise.all(clients.map(work));
    return Number(process.hrtime.bigint() - began) / 1e9;
  } finally {
    await Promise.all(clients.map((client) => client.end()));
  }
}

/** Runs one statement in each of `sessions` sessions; returns the seconds for all of it. */
export function timeSessions(
  url: string,
  sessions: number,
  sql: (session: number) => string,
): Promise<number> {
  return timeClients(url, sessions, (client, session) => client.query(sql(session)));
}
