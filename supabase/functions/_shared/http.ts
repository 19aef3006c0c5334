/**
 * What every function answers with: JSON, and one shape for errors. `tocsin.doctor()` reads these
 * bodies from pg_net's response table, so codes are stable and texts short.
 */
export interface ErrorBody {
  error: { code: string; message: string; hint?: string; issues?: Issue[] };
}

export interface Issue {
  path: string;
  message: string;
}

export function json(
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
): Response {
  return new Response(JSON.stringify(body), {
    status,
    headers: { "content-type": "application/json", "cache-control": "no-store", ...headers },
  });
}

export function errorResponse(
  status: number,
  error: ErrorBody["error"],
  headers: Record<string, string> = {},
): Response {
  return json(status, { error } satisfies ErrorBody, headers);
}

/** The problems of a zod parse as path and message. */
export function issuesOf(error: {
  issues: readonly { path: readonly PropertyKey[]; message: string }[];
}): Issue[] {
  return error.issues.map((issue) => ({
    path: issue.path.map(String).join("."),
    message: issue.message,
  }));
}
