/** The two calls that forwarding makes to the database. */
import { z } from "zod";
import { createDataApi, DataApiError } from "../../_shared/data_api.ts";
import type { Env } from "../../_shared/env.ts";
import { type StoredError, storedErrorSchema } from "./stored_error.ts";

export interface ForwardClaim {
  forwarder: string;
  errorId: string;
  projectId: string;
  eventId: string;
  attempt: number;
  error: StoredError;
}

export interface ForwardResult {
  forwarder: string;
  errorId: string;
  projectId: string;
  attempt: number;
  /** released: not attempted, or nothing could have arrived; the attempt does not count. */
  outcome: "forwarded" | "retry" | "dead" | "released";
  nextAttemptAt?: Date;
  httpStatus?: number;
  error?: string;
}

/** Why a forwarder is to be left alone, and until when where that is known. */
export interface Pause {
  until?: Date;
  error: string;
  /** It failed as a whole: each time in a row it is left alone for longer. */
  isFailure: boolean;
}

export interface ForwardDatabase {
  /** Says which forwarders' secrets are there (null), or why one cannot be used; takes work. */
  claim(
    forwarders: Record<string, string | null>,
    limit: number,
    leaseSeconds: number,
  ): Promise<{ claims: ForwardClaim[]; unreadable: string[] }>;
  record(results: readonly ForwardResult[], pauses: Record<string, Pause>): Promise<number>;
}

const claimSchema = z
  .object({
    forwarder: z.string(),
    error_id: z.string(),
    project_id: z.string(),
    event_id: z.uuid(),
    attempt: z.number().int(),
    error: storedErrorSchema,
  })
  .transform((row): ForwardClaim => ({
    forwarder: row.forwarder,
    errorId: row.error_id,
    projectId: row.project_id,
    eventId: row.event_id,
    attempt: row.attempt,
    error: row.error,
  }));

export function createForwardDatabase(env: Env, fetchFn: typeof fetch): ForwardDatabase {
  const api = createDataApi({ env, fetch: fetchFn });
  const service = { kind: "service" } as const;
  return {
    async claim(forwarders, limit, leaseSeconds) {
      const args = {
        p_forwarders: forwarders,
        p_limit: limit,
        p_lease_seconds: leaseSeconds,
      };
      const rows = await api.call(service, "claim_forwardings", args, z.array(z.unknown()));
      const claims: ForwardClaim[] = [];
      const unreadable: string[] = [];
      for (const row of rows) {
        const claim = claimSchema.safeParse(row);
        if (claim.success) claims.push(claim.data);
        else unreadable.push(z.prettifyError(claim.error));
      }
      return { claims, unreadable };
    },

    record: (results, pauses) =>
      api.call(
        service,
        "record_forwardings",
        {
          p_results: results.map((result) => ({
            forwarder: result.forwarder,
            error_id: result.errorId,
            project_id: result.projectId,
            attempt: result.attempt,
            outcome: result.outcome,
            next_attempt_at: result.nextAttemptAt?.toISOString() ?? null,
            http_status: result.httpStatus ?? null,
            error: result.error ?? null,
          })),
          p_pauses: Object.fromEntries(
            Object.entries(pauses).map(([forwarder, { until, error, isFailure }]) => [
              forwarder,
              { until: until?.toISOString() ?? null, error, is_failure: isFailure },
            ]),
          ),
        },
        z.number().int(),
      ),
  };
}

/** True when the database is of a version that knows nothing of forwarding. */
export function isMissing(error: unknown): boolean {
  return error instanceof DataApiError && error.code === "PGRST202";
}
