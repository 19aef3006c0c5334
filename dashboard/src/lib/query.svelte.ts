// Something that is asked for, shown, and asked for again when its question changes or when the
// database may know more. What was there stays on screen meanwhile, so that nothing jumps.

import { untrack } from "svelte";
import { ApiError } from "./api/client.ts";
import { live, type Kind } from "./live.svelte.ts";
import { session } from "./session.svelte.ts";

/** The database gives up long before that: people have 8 seconds there. */
const patienceMs = 20_000;

export class Query<T> {
  data = $state.raw<T>();
  error = $state.raw<ApiError>();
  /** The question has changed, and what is shown is still the answer to the one before. */
  isStale = $state(false);
  readonly #again: () => void;

  constructor(again: () => void) {
    this.#again = again;
  }

  get isLoading(): boolean {
    return this.data === undefined && this.error === undefined;
  }

  /** Asks again now, as after a change. */
  refresh(): void {
    this.#again();
  }
}

/**
 * Asks `load(key())` in a component, again when the key changes, and when something of these kinds
 * may have changed. `kinds` of null: only when the key changes, for what is dear to ask.
 *
 * @example const history = query(() => ({ range: url.range }), readHistory, ["runs"]);
 */
export function query<K, T>(
  key: () => K,
  load: (key: K, signal: AbortSignal) => Promise<T>,
  kinds?: Kind[] | null,
): Query<T> {
  let asked: string | undefined;
  let running: AbortController | undefined;

  const ask = async (question: K): Promise<void> => {
    running?.abort();
    const mine = (running = new AbortController());
    // One that nobody answers must not keep the next from being asked.
    const patience = setTimeout(() => {
      mine.abort();
      running = undefined;
      result.error = offline();
      live.report(true);
    }, patienceMs);
    try {
      const data = await load(question, mine.signal);
      if (mine.signal.aborted) return;
      result.data = data;
      result.error = undefined;
      live.report(false);
    } catch (error) {
      if (mine.signal.aborted) return;
      result.error = asApiError(error);
      live.report(result.error.kind === "offline");
      if (result.error.kind === "signed-out") await session.signOut();
    } finally {
      clearTimeout(patience);
    }
    result.isStale = false;
    if (running === mine) running = undefined;
  };
  const result = new Query<T>(() => void ask(untrack(key)));

  $effect(() => {
    const question = key();
    const text = JSON.stringify(question);
    untrack(() => {
      if (text === asked) return;
      result.isStale = asked !== undefined;
      asked = text;
      void ask(question);
    });
  });
  $effect(() => {
    if (kinds === null) return () => running?.abort();
    const stop = live.onChange((changed) => {
      // One that is on its way answers with what is there.
      if (running && changed === undefined) return;
      if (changed && kinds && !kinds.some((kind) => changed.has(kind))) return;
      void ask(untrack(key));
    });
    return () => {
      stop();
      running?.abort();
    };
  });
  return result;
}

function offline(): ApiError {
  return new ApiError("offline", "The project cannot be reached.", "It is tried again by itself.");
}

function asApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return /fetch|network/i.test(message)
    ? offline()
    : new ApiError("unexpected", message, "Reload the page.");
}
