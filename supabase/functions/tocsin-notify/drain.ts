/**
 * Empties the queue of what is due: claim, send, record, until nothing is claimed or a limit is
 * near. At least once: what cannot be recorded is claimed again when its lease has run out, and
 * sent again under the same id.
 *
 * A claim waits in its channel's lane until there is a place. It does not begin when its lease
 * could run out before the longest send is over; it is given back instead, and so is all that was
 * not begun at the end. A channel that does not answer rests: what was claimed for it is kept
 * until the end, lest it be claimed again and again; so does one that asks for it. What the database
 * gave a slot in its provider's pace waits for that. Every claim is accounted for in the result.
 */
import { messageOf } from "../_shared/log.ts";
import type { Outgoing } from "../_shared/net/outgoing.ts";
import { type AttemptDeps, makeAttempt } from "./attempt.ts";
import type { Database } from "./db.ts";
import type { Limits } from "./deps.ts";
import type { Claim } from "./notification.ts";

export interface DrainResult {
  claimed: number;
  delivered: number;
  retried: number;
  dead: number;
  /** Given back without an attempt. */
  released: number;
  /** Neither recorded nor given back: the database was away, or the lease was lost. */
  unrecorded: number;
}

export type DrainDeps = Omit<AttemptDeps, "outgoing" | "sendTimeoutMs"> & {
  db: Database;
  outgoing: Outgoing;
};

interface Waiting {
  claim: Claim;
  claimedAt: number;
  /** Its slot in the pace of its provider. */
  notBefore: number;
}

interface Lane {
  kind: string;
  waiting: Waiting[];
  running: number;
  /** How many at a time: more with each answer, fewer without. */
  width: number;
  unansweredInARow: number;
  /** The receiver wants to be left alone: for the rest of this drain, it is. */
  resting: boolean;
}

/** With how many sends at a time a channel begins. */
const firstWidth = 4;

/** Claims kept for resting channels, at which claiming more would mostly claim more of them. */
const mostHeld = 200;
/** Claims that wait for busy channels, at which claiming more would mostly claim more of them. */
const mostWaiting = 200;
/** For recording, after the longest send. */
const leaseMarginMs = 5_000;

export class Drain {
  readonly #deps: DrainDeps;
  readonly #limits: Limits;
  readonly #startedAt: number;
  readonly #lanes = new Map<string, Lane>();
  readonly #pending = new Set<Promise<void>>();
  readonly #held: Claim[] = [];
  readonly #result: DrainResult = {
    claimed: 0,
    delivered: 0,
    retried: 0,
    dead: 0,
    released: 0,
    unrecorded: 0,
  };
  /** When the first of what waits for its slot may begin. */
  #nextSlot = Infinity;
  #running = 0;
  #waiting = 0;
  #begun = 0;
  #claiming = false;
  #nothingLeft = false;
  #over = false;
  #failure: unknown;
  #changed = false;
  #wake: () => void = () => undefined;

  constructor(deps: DrainDeps, limits: Limits) {
    this.#deps = deps;
    this.#limits = limits;
    this.#startedAt = deps.now().getTime();
  }

  async run(): Promise<DrainResult> {
    for (;;) {
      this.#begin();
      if (this.#stopping()) this.#giveUpWaiting();
      if (this.#held.length > 0 && (this.#stopping() || this.#idle())) {
        this.#track(this.#release(this.#held.splice(0)));
      }
      if (this.#shouldClaim()) this.#track(this.#claim());
      if (this.#pending.size === 0 && this.#waiting === 0) break;
      await this.#change();
    }
    this.#over = true;
    if (this.#failure !== undefined) throw this.#failure;
    return this.#result;
  }

  /** Rung again while at work: look once more. False when it is too late for that. */
  ring(): boolean {
    if (this.#over || this.#stopping()) return false;
    this.#nothingLeft = this.#held.length >= mostHeld;
    this.#hasChanged();
    return true;
  }

  /** No send may begin any more: out of time, or out of count. */
  #stopping(): boolean {
    return this.#timeLeft() <= 0 || this.#begun >= this.#limits.sends;
  }

  #timeLeft(): number {
    return this.#limits.wallMs - (this.#deps.now().getTime() - this.#startedAt);
  }

  #idle(): boolean {
    return this.#nothingLeft && this.#running === 0 && this.#waiting === 0;
  }

  /**
   * Claims ahead only as far as keeps every place busy. While places are free, all that waits is
   * for channels that have none free, so others may have to be claimed past it.
   */
  #shouldClaim(): boolean {
    const enough =
      this.#running < this.#limits.concurrency ? mostWaiting : this.#limits.concurrency;
    return (
      !this.#claiming &&
      !this.#nothingLeft &&
      !this.#stopping() &&
      this.#waiting < enough &&
      this.#room() > 0
    );
  }

  #room(): number {
    const unbegun = this.#limits.sends - this.#begun - this.#waiting;
    return Math.min(this.#limits.claim, unbegun);
  }

  /** Until something has ended, it was rung again, or the time is up. */
  async #change(): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      if (!this.#stopping()) {
        const slot = this.#nextSlot - this.#deps.now().getTime();
        timer = setTimeout(resolve, Math.max(0, Math.min(this.#timeLeft(), slot)));
      }
      if (this.#changed) resolve();
    });
    clearTimeout(timer);
    this.#changed = false;
  }

  #hasChanged(): void {
    this.#changed = true;
    this.#wake();
  }

  async #claim(): Promise<void> {
    this.#claiming = true;
    try {
      const claimedAt = this.#deps.now().getTime();
      const { claims, unreadable } = await this.#deps.db.claimDeliveries(
        this.#room(),
        this.#limits.leaseSeconds,
      );
      for (const reason of unreadable) this.#deps.log.error("claim_unreadable", { reason });
      this.#result.claimed += claims.length + unreadable.length;
      this.#result.unrecorded += unreadable.length;
      if (claims.length + unreadable.length === 0) this.#nothingLeft = true;
      for (const claim of claims) {
        const notBefore = claimedAt + claim.wait_ms;
        this.#lane(claim).waiting.push({ claim, claimedAt, notBefore });
      }
      this.#waiting += claims.length;
    } catch (error) {
      // The first claim's failure is the caller's to tell; a later one ends the drain early.
      if (this.#result.claimed === 0) this.#failure = error;
      this.#deps.log.error("claim_failed", { error: messageOf(error) });
      this.#nothingLeft = true;
    } finally {
      this.#claiming = false;
    }
  }

  #lane({ channel_id: channelId, channel_kind: kind }: Claim): Lane {
    let lane = this.#lanes.get(channelId);
    if (lane === undefined) {
      const width = Math.min(firstWidth, this.#limits.perChannel);
      const fresh = { waiting: [], running: 0, width, unansweredInARow: 0, resting: false };
      lane = { kind, ...fresh };
      this.#lanes.set(channelId, lane);
    }
    return lane;
  }

  /** Begins what has a place, one of each channel in turn so that none crowds out the others. */
  #begin(): void {
    this.#nextSlot = Infinity;
    let begunOne = true;
    while (begunOne) {
      begunOne = false;
      for (const lane of this.#lanes.values()) {
        if (this.#running >= this.#limits.concurrency || this.#stopping()) return;
        if (lane.running >= lane.width) continue;
        const slot = lane.waiting[0]?.notBefore ?? 0;
        if (slot > this.#deps.now().getTime() && !this.#isResting(lane)) {
          this.#nextSlot = Math.min(this.#nextSlot, slot);
          continue;
        }
        const next = this.#next(lane);
        if (next === undefined) continue;
        this.#track(this.#attempt(lane, next.claim));
        begunOne = true;
      }
    }
  }

  /** The first in the lane that may still begin. */
  #next(lane: Lane): Waiting | undefined {
    const late: Claim[] = [];
    let next = this.#take(lane);
    while (next !== undefined) {
      const leaseEnds = next.claimedAt + this.#limits.leaseSeconds * 1_000;
      const endsAtLatest = this.#deps.now().getTime() + this.#limits.sendTimeoutMs + leaseMarginMs;
      if (this.#isResting(lane)) this.#hold(next.claim);
      else if (endsAtLatest > leaseEnds) late.push(next.claim);
      else break;
      next = this.#take(lane);
    }
    if (late.length > 0) this.#track(this.#releaseLate(late));
    return next;
  }

  #isResting(lane: Lane): boolean {
    return lane.resting || lane.unansweredInARow >= this.#limits.unanswered;
  }

  #take(lane: Lane): Waiting | undefined {
    const next = lane.waiting.shift();
    if (next !== undefined) this.#waiting -= 1;
    return next;
  }

  #hold(claim: Claim): void {
    this.#held.push(claim);
    if (this.#held.length >= mostHeld) this.#nothingLeft = true;
  }

  #giveUpWaiting(): void {
    for (const lane of this.#lanes.values()) {
      for (let next = this.#take(lane); next !== undefined; next = this.#take(lane)) {
        this.#hold(next.claim);
      }
    }
  }

  #track(work: Promise<void>): void {
    const tracked = work.finally(() => {
      this.#pending.delete(tracked);
      this.#hasChanged();
    });
    this.#pending.add(tracked);
  }

  async #attempt(lane: Lane, claim: Claim): Promise<void> {
    this.#running += 1;
    lane.running += 1;
    this.#begun += 1;
    const { attempt, unanswered, resting } = await makeAttempt(claim, {
      ...this.#deps,
      sendTimeoutMs: this.#limits.sendTimeoutMs,
    });
    this.#running -= 1;
    lane.running -= 1;
    lane.unansweredInARow = unanswered ? lane.unansweredInARow + 1 : 0;
    lane.width = unanswered
      ? Math.max(1, Math.floor(lane.width / 2))
      : Math.min(this.#limits.perChannel, lane.width + 1);
    if (resting) this.#rest(lane);
    // The place is free while this is being recorded.
    this.#track(this.#record(attempt));
  }

  #rest(lane: Lane): void {
    const shared = this.#deps.channels.get(lane.kind)?.isShared === true;
    for (const other of shared ? this.#lanes.values() : [lane]) {
      if (other.kind === lane.kind) other.resting = true;
    }
  }

  async #record(attempt: Awaited<ReturnType<typeof makeAttempt>>["attempt"]): Promise<void> {
    try {
      const state = await this.#deps.db.recordAttempt(attempt);
      if (state === "stale") this.#result.unrecorded += 1;
      else if (attempt.outcome === "delivered") this.#result.delivered += 1;
      else if (attempt.outcome === "retry") this.#result.retried += 1;
      else this.#result.dead += 1;
    } catch (error) {
      this.#result.unrecorded += 1;
      this.#deps.log.error("record_failed", {
        delivery_id: attempt.deliveryId,
        outcome: attempt.outcome,
        error: messageOf(error),
      });
    }
  }

  /** They are due at once, so there is something left to claim. */
  async #releaseLate(claims: readonly Claim[]): Promise<void> {
    await this.#release(claims);
    this.#nothingLeft = false;
  }

  async #release(claims: readonly Claim[]): Promise<void> {
    try {
      const released = await this.#deps.db.releaseDeliveries(claims);
      this.#result.released += released;
      this.#result.unrecorded += claims.length - released;
    } catch (error) {
      this.#result.unrecorded += claims.length;
      this.#deps.log.warn("release_failed", { count: claims.length, error: messageOf(error) });
    }
  }
}
