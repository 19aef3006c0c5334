// A runtime for tests: its clock moves when it is told to, and its server answers what it is told.

import { setImmediate } from "node:timers/promises";
import type { Runtime } from "../src/runtime.ts";
import type { SentEvent } from "../src/types.ts";

export type Sent = { at: number; url: string; headers: Headers; events: SentEvent[] };
type Answer = Response | Error | ((events: SentEvent[]) => Response | Promise<Response>);

export const taken = (events: SentEvent[]): Response =>
  Response.json(
    {
      accepted: events.length,
      duplicates: 0,
      rejected: 0,
      results: events.map(({ error_id }, index) => ({ index, error_id, status: "accepted" })),
    },
    { status: 202 },
  );

export function failing(status: number, headers: Record<string, string> = {}): Response {
  return Response.json({ error: { code: "x", message: "not now" } }, { status, headers });
}

export function testRuntime(...answers: Answer[]) {
  let now = Date.parse("2031-05-10T09:00:00Z");
  const began = now;
  let timers: { at: number; call: () => void; keepsAlive: boolean }[] = [];
  const sent: Sent[] = [];

  const runtime: Runtime = {
    now: () => now,
    random: () => 1,
    after: (ms, call, keepsAlive) => {
      const timer = { at: now + ms, call, keepsAlive };
      timers.push(timer);
      return () => {
        timers = timers.filter((one) => one !== timer);
      };
    },
    fetch: async (input, init) => {
      const events = JSON.parse(init?.body as string) as SentEvent[];
      const headers = new Headers(init?.headers);
      sent.push({ at: now - began, url: input as string, headers, events });
      const answer = answers.shift() ?? taken;
      if (answer instanceof Error) throw answer;
      return answer instanceof Response ? answer : answer(events);
    },
  };

  /** Lets time pass, and everything happen that is due in it. */
  const advance = async (ms: number): Promise<void> => {
    const until = now + ms;
    for (;;) {
      await setImmediate();
      const due = timers.filter(({ at }) => at <= until).sort((a, b) => a.at - b.at)[0];
      if (due === undefined) break;
      timers = timers.filter((one) => one !== due);
      now = Math.max(now, due.at);
      due.call();
    }
    now = until;
  };

  return { runtime, sent, advance, timers: () => timers };
}
