/**
 * The calls that this function makes to the database, over the Data API. Errors come out as
 * DatabaseError with a stable code, since `tocsin.doctor()` reads it from pg_net's answers.
 */
import { createClient } from "@supabase/supabase-js";
import { z } from "zod";
import { type Env, readSupabaseSettings } from "../_shared/env.ts";
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

const defaultTimeoutMs = 20_000;

/** Nothing is read from the environment before the first call. */
export function createDatabase(
  env: Env,
  fetchFn: typeof fetch,
  timeoutMs: number = defaultTimeoutMs,
): Database {
  let connected: ReturnType<typeof connect> | undefined;

  async function call<T extends z.ZodType>(
    name: string,
    args: Record<string, unknown>,
    result: T,
  ): Promise<z.infer<T>> {
    connected ??= connect(env, withTimeout(fetchFn, timeoutMs));
    const { data, error, status } = await connected.rpc(name, args);
    if (error !== null) throw asDatabaseError(name, status, error);
    const parsed = result.safeParse(data);
    if (parsed.success) return parsed.data;
    throw new DatabaseError(
      "unexpected_answer",
      `tocsin.${name} answered something else than expected.`,
      "Deploy the function and push the migrations of the same version.",
    );
  }

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

    recordAttempt: (attempt) =>
      call(
        "record_attempt",
        {
          p_delivery_id: attempt.deliveryId,
          p_attempt: attempt.attempt,
          p_outcome: attempt.outcome,
          p_started_at: attempt.startedAt.toISOString(),
          p_finished_at: attempt.finishedAt.toISOString(),
          p_next_attempt_at: attempt.nextAttemptAt?.toISOString() ?? null,
          p_http_status: attempt.httpStatus,
          p_error: attempt.error,
          p_response: attempt.response,
          p_provider_id: attempt.providerId,
          p_hold_until: attempt.holdUntil?.toISOString() ?? null,
          p_is_gone: attempt.isGone,
        },
        z.enum(["delivered", "pending", "dead", "stale"]),
      ),

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

function connect(env: Env, fetchFn: typeof fetch) {
  const { url, secretKey } = readSupabaseSettings(env);
  return createClient(url, secretKey, {
    auth: { persistSession: false, autoRefreshToken: false, detectSessionInUrl: false },
    db: { schema: "tocsin" },
    global: { fetch: fetchFn },
  });
}

function withTimeout(fetchFn: typeof fetch, timeoutMs: number): typeof fetch {
  return async (input, init) => {
    const abort = new AbortController();
    const timer = setTimeout(() => abort.abort(new Error("no answer in time")), timeoutMs);
    try {
      const answer = await fetchFn(input, { ...init, signal: abort.signal });
      // Read here, so that the limit holds for the body too.
      const body = await answer.arrayBuffer();
      return new Response(body.byteLength === 0 ? null : body, answer);
    } finally {
      clearTimeout(timer);
    }
  };
}

function asDatabaseError(
  name: string,
  status: number,
  error: { code?: string; message: string },
): DatabaseError {
  switch (error.code) {
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
