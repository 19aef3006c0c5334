// How fresh the figures are, and when to ask for them again. Realtime only hints that something has
// changed; what is shown is always asked for. Without Realtime it is asked for each few seconds;
// while nobody looks, never.

import { REALTIME_SUBSCRIBE_STATES, type RealtimeChannel } from "@supabase/supabase-js";
import { untrack } from "svelte";
import { session } from "./session.svelte.ts";

/** What a hint is about; a page says which it shows. */
export type Kind = "runs" | "errors" | "alerts" | "queues" | "cron";

const pollMs = 5_000;
/** With Realtime: in case a hint was lost. */
const sureMs = 60_000;
/** Hints come once a beat and project: those of a moment are one. */
const gatherMs = 150;
/** Realtime allows a hundred on a connection; who sees more projects asks by themselves. */
const mostTopics = 90;

type Listener = (kinds: ReadonlySet<Kind> | undefined) => void;

class Live {
  /** When an answer last came. */
  freshAt = $state<number>();
  /** Whether the last request found nobody. */
  isOffline = $state(false);
  isPushed = $state(false);
  isPaused = $state(false);
  /** Moves once a second, for what says how long ago something was. */
  now = $state(Date.now());

  readonly #listeners = new Set<Listener>();
  #channels: RealtimeChannel[] = [];
  #joined = new Set<RealtimeChannel>();
  #wanted = 0;
  #hinted = new Set<Kind>();
  #gathering: ReturnType<typeof setTimeout> | undefined;
  #askedAt = 0;

  /** Begins to listen and to ask; answers how to stop. */
  begin(projectIds: string[], isOperator: boolean): () => void {
    const clock = setInterval(() => this.#beat(), 1_000);
    const look = () => this.#look();
    const reconnect = () => this.refresh();
    document.addEventListener("visibilitychange", look);
    addEventListener("online", reconnect);
    addEventListener("offline", this.#lose);
    untrack(() => this.#look());
    if (session.config.realtime) this.#listen(projectIds, isOperator);
    return () => {
      clearInterval(clock);
      clearTimeout(this.#gathering);
      document.removeEventListener("visibilitychange", look);
      removeEventListener("online", reconnect);
      removeEventListener("offline", this.#lose);
      this.#leave();
    };
  }

  /** Calls back whenever something may have changed; undefined: anything. Answers how to stop. */
  onChange(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Asks for everything again, now. */
  refresh(kinds?: ReadonlySet<Kind>): void {
    if (!kinds) this.#askedAt = Date.now();
    for (const listener of this.#listeners) listener(kinds);
  }

  /** Told by each request how it went. */
  report(isOffline: boolean): void {
    this.isOffline = isOffline;
    if (!isOffline) this.freshAt = Date.now();
  }

  readonly #lose = (): void => {
    this.isOffline = true;
  };

  #look(): void {
    this.isPaused = document.visibilityState === "hidden";
    if (!this.isPaused && Date.now() - this.#askedAt >= pollMs) this.refresh();
  }

  #beat(): void {
    this.now = Date.now();
    const wait = this.isPushed && !this.isOffline ? sureMs : pollMs;
    if (!this.isPaused && Date.now() - this.#askedAt >= wait) this.refresh();
  }

  #listen(projectIds: string[], isOperator: boolean): void {
    const topics = projectIds.filter(Boolean).map((id) => `tocsin:project:${id}`);
    if (isOperator) topics.push("tocsin:operators");
    this.#wanted = topics.length;
    for (const topic of topics.slice(0, mostTopics)) {
      const channel = session.client.channel(topic, { config: { private: true } });
      channel
        .on("broadcast", { event: "*" }, ({ event }) => this.#hint(event as Kind))
        .subscribe((status) => {
          const isJoined = status === REALTIME_SUBSCRIBE_STATES.SUBSCRIBED;
          // What happened before it was there is asked for.
          if (isJoined && !this.#joined.has(channel)) this.refresh();
          if (isJoined) this.#joined.add(channel);
          else this.#joined.delete(channel);
          this.isPushed = this.#joined.size === this.#wanted;
        });
      this.#channels.push(channel);
    }
  }

  #hint(kind: Kind): void {
    this.#hinted.add(kind);
    this.#gathering ??= setTimeout(() => {
      const kinds = this.#hinted;
      this.#hinted = new Set();
      this.#gathering = undefined;
      if (!this.isPaused) this.refresh(kinds);
    }, gatherMs);
  }

  #leave(): void {
    for (const channel of this.#channels) void session.client.removeChannel(channel);
    this.#channels = [];
    this.#joined.clear();
    this.isPushed = false;
  }
}

export const live = new Live();
