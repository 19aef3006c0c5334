/**
 * Counts what is answered, for `tocsin.self_metrics`. It is counted in memory and told some seconds
 * later, beside the answers: no request waits for it, and none fails for it. What the platform stops
 * before it is told is lost; what the database does not take is told with the next.
 */
import { z } from "zod";
import { messageOf } from "../_shared/log.ts";
import type { Deps } from "./deps.ts";

/** So long the counts of a function are gathered. */
const gatheredForMs = 10_000;
/** Of so many requests, the first of each time, the duration is told singly: enough for percentiles. */
const mostDurations = 100;

interface Count {
  route: string;
  status_class: number;
  count: number;
  ms: number;
  durations: number[];
}

export type CountRequest = (route: string, status: number, ms: number) => void;

export function createRequestCounter({ db, later, log }: Deps): CountRequest {
  let counts = new Map<string, Count>();
  let isPlanned = false;

  const add = (one: Count) => {
    const key = `${one.status_class} ${one.route}`;
    const sum = counts.get(key);
    if (sum === undefined) {
      counts.set(key, one);
      return;
    }
    sum.count += one.count;
    sum.ms += one.ms;
    sum.durations.push(...one.durations.slice(0, mostDurations - sum.durations.length));
  };
  const plan = () => {
    if (isPlanned) return;
    isPlanned = true;
    later(tell, gatheredForMs);
  };
  const tell = async () => {
    isPlanned = false;
    const told = [...counts.values()];
    counts = new Map();
    try {
      await db.call({ kind: "service" }, "note_api_requests", { p_counts: told }, z.unknown());
    } catch (error) {
      told.forEach(add);
      log.warn("requests_not_counted", { message: messageOf(error) });
    }
  };
  return (route, status, ms) => {
    add({ route, status_class: Math.floor(status / 100), count: 1, ms, durations: [ms] });
    plan();
  };
}
