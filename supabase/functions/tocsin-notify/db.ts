/**
 * The calls that this function makes to the database, over the Data API. Errors come out as
 * DatabaseError with a stable code, since `tocsin.doctor()` reads it from pg_net's answers.
 */
import { z } from "zod";
import { createDataApi, DataApiError } from "../_shared/data_api.ts";
import type { Env } from "../_shared/env.ts";
import { type Claim, claimSchema } from "./notification.ts";

export interface Attempt {
  deliveryId: string;
  attempt: number;
  outcome: "delivered" | "retry" | "dead";
  startedAt: Date;
  finishedAt: Date;
  nextAttemptAt: Date | null;
  httpStatus: number | null;
  error: string | null;
  response: string | null;
  providerId: string | null;
  /** Until when the receiver wants to be left alone. */
  holdUntil: Date | null;
  /** The receiver wants no more, of anything. */
  isGone: boolean;
}

type Fetch = typeof fetch;

export type DeliveryState = "delivered" | "pending" | "dead" | "stale";

/** One claim of a delivery: the attempt tells it from every other. */
export type ClaimKey = Pick<Claim, "delivery_id" | "attempt">;

export interface Claims {
  claims: Claim[];
  /** Rows that cannot be read, as text. Their lease runs out and they are claimed again. */
  unreadable: string[];
}

export interface Database {
  checkDoorbell(token: string): Promise<boolean>;
  claimDeliveries(limit: number, leaseSeconds: number): Promise<Claims>;
  recordAttempt(attempt: Attempt): Promise<DeliveryState>;
  /** Gives claims back, each only while this claim of it still holds the lease. */
  releaseDeliveries(claims: readonly ClaimKey[]): Promise<number>;
  /** Ends the emails to the address that has this token; false when none has. */
  unsubscribe(token: string): Promise<boolean>;
}

export class DatabaseError extends Error {
  override readonly name = "DatabaseError";
  readonly code: string;
  readonly hint: string;

  constructor(code: string, message: string, hint: string) {
    super(message);
    this.code = code;
    this.hint = hint;
  }
}

/** How long a record waits for others to go with it, and how many go together. */
const gatheringMs = 5;
const mostRecords = 100;
const secondTryMs = 200;

const attemptStates = z.array(z.enum(["delivered", "pending", "dead", "stale"]));

/** Nothing is read from the environment before the first call. */
export function createDatabase(env: Env, fetch: Fetch, timeoutMs?: number): Database {
  const api = createDataApi({ env, fetch, ...(timeoutMs === undefined ? {} : { timeoutMs }) });

  async function call<T extends z.ZodType>(
    name: string,
    args: Record<string, unknown>,
    result: T,
  ): Promise<z.infer<T>> {
    try {
      return await api.call({ kind: "service" }, name, args, result);
    } catch (error) {
      throw error instanceof DataApiError ? asDatabaseError(name, error) : error;
    }
  }

  const recorder = new Recorder(async (attempts) => {
    const args = { p_attempts: attempts.map(asRecord) };
    return await call("record_attempts", args, attemptStates.length(attempts.length));
  });

  return {
    checkDoorbell: (token) => call("check_doorbell", { p_token: token }, z.boolean()),

    async claimDeliveries(limit, leaseSeconds) {
      const args = { p_limit: limit, p_lease_seconds: leaseSeconds };
      const rows = await call("claim_deliveries", args, z.array(z.unknown()));
      const claims: Claim[] = [];
      const unreadable: string[] = [];
      for (const row of rows) {
        const claim = claimSchema.safeParse(row);
        if (claim.success) claims.push(claim.data);
        else unreadable.push(z.prettifyError(claim.error));
      }
      return { claims, unreadable };
    },

    recordAttempt: (attempt) => recorder.record(attempt),

    releaseDeliveries: (claims) =>
      call(
        "release_deliveries",
        {
          p_delivery_ids: claims.map((claim) => claim.delivery_id),
          p_attempts: claims.map((claim) => claim.attempt),
        },
        z.number().int(),
      ),

    unsubscribe: (token) => call("unsubscribe", { p_token: token }, z.boolean()),
  };
}

function asRecord(attempt: Attempt) {
  return {
    delivery_id: attempt.deliveryId,
    attempt: attempt.attempt,
    outcome: attempt.outcome,
    started_at: attempt.startedAt.toISOString(),
    finished_at: attempt.finishedAt.toISOString(),
    next_attempt_at: attempt.nextAttemptAt?.toISOString() ?? null,
    http_status: attempt.httpStatus,
    error: attempt.error,
    response: attempt.response,
    provider_id: attempt.providerId,
    hold_until: attempt.holdUntil?.toISOString() ?? null,
    is_gone: attempt.isGone,
  };
}

/**
 * Records what ends within a moment together, since a call costs more than what it records. What
 * ends while one batch is on its way goes with the next.
 */
class Recorder {
  readonly #send: (attempts: Attempt[]) => Promise<DeliveryState[]>;
  readonly #waiting: {
    attempt: Attempt;
    resolve: (state: DeliveryState) => void;
    reject: (error: unknown) => void;
  }[] = [];
  #flushing = false;

  constructor(send: (attempts: Attempt[]) => Promise<DeliveryState[]>) {
    this.#send = send;
  }

  record(attempt: Attempt): Promise<DeliveryState> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ attempt, resolve, reject });
      if (!this.#flushing) void this.#flush();
    });
  }

  async #flush(): Promise<void> {
    this.#flushing = true;
    await new Promise((resolve) => setTimeout(resolve, gatheringMs));
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, mostRecords);
      try {
        const attempts = batch.map(({ attempt }) => attempt);
        // recording twice is harmless, and not to have recorded is to send twice
        const states = await this.#send(attempts).catch(async () => {
          await new Promise((resolve) => setTimeout(resolve, secondTryMs));
          return await this.#send(attempts);
        });
        for (const [index, { resolve }] of batch.entries()) resolve(states[index] ?? "stale");
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
    }
    this.#flushing = false;
  }
}

function asDatabaseError(name: string, error: DataApiError): DatabaseError {
  const { code, status } = error;
  switch (code) {
    case "unexpected_answer":
      return new DatabaseError(code, error.message, error.hint ?? "");
    case "PGRST106":
      return new DatabaseError(
        "schema_not_exposed",
        "The Data API does not expose the schema tocsin.",
        "Add tocsin to [api].schemas in supabase/config.toml and run supabase config push, or add " +
          "it to Exposed schemas in the dashboard's API settings.",
      );
    case "PGRST202":
      return new DatabaseError(
        "migrations_missing",
        `The Data API knows no function tocsin.${name}.`,
        "Run supabase db push, so that the database has the function's version of Tocsin.",
      );
  }
  if (status === 401 || status === 403) {
    return new DatabaseError(
      "secret_key_refused",
      `The Data API refused the function's key: ${error.message}`,
      "Check SUPABASE_SECRET_KEYS (or SUPABASE_SERVICE_ROLE_KEY) and deploy again.",
    );
  }
  return new DatabaseError(
    "database_unavailable",
    `tocsin.${name} failed: ${error.message || `status ${status}`}`,
    "The next ring tries again.",
  );
}
