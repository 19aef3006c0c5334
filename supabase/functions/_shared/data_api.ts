/**
 * Calls of Tocsin's functions in the database, through the Data API: in the name of whoever asked,
 * with their own token, or as the service, with the function's secret key. Which of the two is said
 * at each call, so that nobody gets the service's answer by accident.
 */
import { z } from "zod";
import { type Env, readPublicSettings, readSupabaseSettings } from "./env.ts";
import { messageOf } from "./log.ts";

/** `user` is answered under their row-level security; `service` sees everything. */
export type Caller = { kind: "user"; token: string } | { kind: "service" };

export interface DataApi {
  call<T extends z.ZodType>(
    caller: Caller,
    name: string,
    args: Record<string, unknown>,
    result: T,
  ): Promise<z.infer<T>>;
}

/** Why a call has no result. */
export class DataApiError extends Error {
  override readonly name = "DataApiError";
  readonly caller: Caller["kind"];
  /** The status of the answer; 0: there was none. */
  readonly status: number;
  /** A SQLSTATE, or a code of PostgREST's; empty: the answer names none. */
  readonly code: string;
  readonly hint: string | undefined;

  constructor(
    caller: Caller["kind"],
    failure: { status: number; code?: string; message: string; hint?: string | undefined },
  ) {
    super(failure.message);
    this.caller = caller;
    this.status = failure.status;
    this.code = failure.code ?? "";
    this.hint = failure.hint;
  }
}

const failureSchema = z.object({
  code: z.string().nullish(),
  message: z.string().nullish(),
  hint: z.string().nullish(),
});

export interface DataApiOptions {
  env: Env;
  fetch: typeof fetch;
  timeoutMs?: number;
}

/** Nothing is read from the environment before the first call. */
export function createDataApi({ env, fetch, timeoutMs = 20_000 }: DataApiOptions): DataApi {
  return {
    async call(caller, name, args, result) {
      const { url, headers } = addressed(env, caller);
      const failed = (failure: ConstructorParameters<typeof DataApiError>[1]) =>
        new DataApiError(caller.kind, failure);
      let status = 0;
      let text: string;
      try {
        const answer = await fetch(`${url}/rest/v1/rpc/${name}`, {
          method: "POST",
          headers: { ...headers, "content-type": "application/json", "content-profile": "tocsin" },
          body: JSON.stringify(args),
          signal: AbortSignal.timeout(timeoutMs),
        });
        status = answer.status;
        text = await answer.text();
      } catch (error) {
        const reason = messageOf(error);
        throw failed({ status: 0, message: `The Data API did not answer ${name}: ${reason}` });
      }

      const body = parseJson(text);
      if (status < 200 || status > 299) {
        const { code, message, hint } = failureSchema.safeParse(body).data ?? {};
        throw failed({
          status,
          ...(code == null ? {} : { code }),
          message: message ?? `The Data API answered ${name} with status ${status}.`,
          hint: hint ?? undefined,
        });
      }
      const parsed = result.safeParse(body);
      if (parsed.success) return parsed.data;
      throw failed({
        status,
        code: "unexpected_answer",
        message: `tocsin.${name} answered something else than expected.`,
        hint: "Deploy the function and push the migrations of the same version.",
      });
    },
  };
}

function addressed(env: Env, caller: Caller): { url: string; headers: Record<string, string> } {
  if (caller.kind === "service") {
    const { url, secretKey } = readSupabaseSettings(env);
    return { url, headers: { apikey: secretKey, authorization: `Bearer ${secretKey}` } };
  }
  const { url, publishableKey } = readPublicSettings(env);
  // A key of the project's in place of a token is only taken when it stands in both headers.
  const apikey = caller.token.startsWith("sb_") ? caller.token : publishableKey;
  return { url, headers: { apikey, authorization: `Bearer ${caller.token}` } };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
