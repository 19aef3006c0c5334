/** Whatever is thrown becomes an answer here, in the one shape and without anything of the inside. */
import { DataApiError } from "../_shared/data_api.ts";
import { ConfigurationError } from "../_shared/env.ts";
import type { z } from "zod";
import { type ErrorBody, errorResponse, type Issue, issuesOf } from "../_shared/http.ts";
import { BodyError } from "../_shared/json_body.ts";
import { type Log, messageOf } from "../_shared/log.ts";

type Told = ErrorBody["error"];

/** An answer that is no success, thrown from wherever it is known. */
export class ApiError extends Error {
  override readonly name = "ApiError";
  readonly status: number;
  readonly told: Told;
  readonly headers: Record<string, string>;

  constructor(status: number, told: Told, headers: Record<string, string> = {}) {
    super(told.message);
    this.status = status;
    this.told = told;
    this.headers = headers;
  }
}

export function invalidQuery(issues: Issue[]): ApiError {
  return new ApiError(400, {
    code: "invalid_query",
    message: "The query cannot be answered: each issue names a parameter and what is allowed.",
    issues,
  });
}

/** Each issue names a field; a field that is not known has an issue of its own. */
export function invalidBody(error: z.ZodError): ApiError {
  const issues: { path: PropertyKey[]; message: string }[] = error.issues.flatMap((issue) =>
    issue.code === "unrecognized_keys"
      ? issue.keys.map((key) => ({ path: [...issue.path, key], message: "It is not known." }))
      : [issue],
  );
  return new ApiError(400, {
    code: "invalid_body",
    message: "The body cannot be used: each issue names a field and what is allowed.",
    issues: issuesOf({ issues }),
  });
}

/** Says the same of a token that is missing, wrong or expired, and of a key in its place. */
export function unauthorized(message: string, hint: string): ApiError {
  return new ApiError(
    401,
    { code: "unauthorized", message, hint },
    { "www-authenticate": "Bearer" },
  );
}

export function notSignedIn(): ApiError {
  return unauthorized(
    "The access token of a signed-in user is needed.",
    "Send it as Authorization: Bearer <access token>; supabase-js does once the user has signed in.",
  );
}

export function toResponse(error: unknown, log: Log): Response {
  const { status, told, headers } = asApiError(error);
  // What the caller can mend is no news to who runs this.
  if (status >= 500) {
    const answered =
      error instanceof DataApiError ? { answer: error.code, answer_status: error.status } : {};
    log.error(told.code, { message: messageOf(error), hint: told.hint, ...answered });
  }
  return errorResponse(status, told, headers);
}

function asApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  if (error instanceof DataApiError) return ofDatabase(error);
  if (error instanceof BodyError) {
    const { status, code, message, hint } = error;
    return new ApiError(status, { code, message, hint });
  }
  if (error instanceof ConfigurationError) {
    return new ApiError(500, { code: error.code, message: error.message, hint: error.hint });
  }
  return new ApiError(500, {
    code: "unexpected",
    message: "tocsin-api failed. Its log says why.",
  });
}

function ofDatabase({ caller, status, code, message, hint }: DataApiError): ApiError {
  // Errors that the caller causes have a SQLSTATE of Tocsin's own: docs/reference/errors.md.
  if (/^TC\d{3}$/.test(code)) {
    return new ApiError(400, { code, message, ...(hint === undefined ? {} : { hint }) });
  }
  switch (code) {
    case "PGRST106":
      return unavailable(
        "schema_not_exposed",
        "The Data API does not expose the schema tocsin.",
        "Add tocsin to [api].schemas in supabase/config.toml and run supabase config push, or add " +
          "it to Exposed schemas in the dashboard's API settings.",
      );
    case "PGRST202":
      return unavailable(
        "migrations_missing",
        "The database does not have this version of Tocsin.",
        "Run supabase db push, so that the database has the function's version of Tocsin.",
      );
    case "57014":
      return unavailable(
        "too_slow",
        "The database could not answer in the time that it gives.",
        "Ask for a shorter range or longer buckets; or report fewer errors at once.",
      );
    case "unexpected_answer":
      return unavailable(code, message, hint ?? "");
  }
  if (status === 401 || status === 403) {
    if (caller === "user" && status === 401) return notSignedIn();
    if (caller === "user") {
      return new ApiError(403, {
        code: "forbidden",
        message: "The database refuses this to the role in the token.",
        hint: "Only the role authenticated, that of signed-in users, may ask this.",
      });
    }
    return unavailable(
      "secret_key_refused",
      "The Data API refused the function's key.",
      "Check SUPABASE_SECRET_KEYS (or SUPABASE_SERVICE_ROLE_KEY) and deploy again.",
    );
  }
  return unavailable(
    "database_unavailable",
    "The database did not answer as it should.",
    "Try again; the function's log says what the Data API answered.",
  );
}

function unavailable(code: string, message: string, hint: string): ApiError {
  return new ApiError(503, { code, message, hint }, { "retry-after": "5" });
}
