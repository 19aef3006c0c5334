// What differs between Node, Deno and browsers, and what tests replace.

export interface Runtime {
  fetch: typeof fetch;
  now: () => number;
  /** Calls back after so long; returns what calls it off. */
  after: (ms: number, call: () => void, keepsAlive: boolean) => () => void;
  /** From 0 to 1. */
  random: () => number;
}

interface Globals {
  Deno?: { unrefTimer?: (id: number) => void };
  EdgeRuntime?: { waitUntil?: (promise: Promise<unknown>) => void };
}

export const platform: Runtime = {
  fetch: (...args) => fetch(...args),
  now: () => Date.now(),
  after: (ms, call, keepsAlive) => {
    const timer: unknown = setTimeout(call, ms);
    if (!keepsAlive) {
      if (typeof timer === "number") (globalThis as Globals).Deno?.unrefTimer?.(timer);
      else (timer as { unref?: () => void }).unref?.();
    }
    return () => clearTimeout(timer as number);
  },
  random: () => Math.random(),
};

/** An Edge Function is frozen once it has answered, unless it is told what to wait for. */
export function holdEdgeFunction(work: () => Promise<unknown>): void {
  const { EdgeRuntime } = globalThis as Globals;
  if (typeof EdgeRuntime?.waitUntil === "function") EdgeRuntime.waitUntil(work());
}

export function randomId(): string {
  if (typeof crypto.randomUUID === "function") return crypto.randomUUID();
  // a browser without https
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20)}`;
}
