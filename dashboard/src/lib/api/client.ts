// The one way to the Data API: calls a function or reads a table of the schema tocsin as the user
// who is signed in, checks the shape of the answer, and turns what goes wrong into words.

import type * as z from "zod/mini";
import { session } from "../session.svelte.ts";

export type ErrorKind = "offline" | "signed-out" | "absent" | "refused" | "unexpected";

export class ApiError extends Error {
  readonly kind: ErrorKind;
  /** What to do about it. */
  readonly hint: string;
  readonly code: string;

  constructor(kind: ErrorKind, message: string, hint: string, code = "") {
    super(message);
    this.kind = kind;
    this.hint = hint;
    this.code = code;
  }
}

type Shape<T> = z.ZodMiniType<T>;
type Answer = { data: unknown; error: Problem | null; status: number };
type Problem = { message: string; code?: string; hint?: string | null; details?: string | null };

/** Calls a function of the schema tocsin. */
export async function call<T>(
  name: string,
  args: Record<string, unknown>,
  shape: Shape<T>,
  signal?: AbortSignal,
): Promise<T> {
  const request = session.client.rpc(name, args);
  return check(await (signal ? request.abortSignal(signal) : request), shape, name);
}

/** Runs a query on a table or view: `read(client.from("alert_kinds").select(), shape)`. */
export async function read<T>(query: PromiseLike<Answer>, shape: Shape<T>): Promise<T> {
  return check(await query, shape, "this table");
}

/** Inserts, updates or deletes, with `.select()`: what changed nothing was not allowed to. */
export async function change(query: PromiseLike<Answer>): Promise<void> {
  const { data, error, status } = await query;
  if (error) throw explain(error, status);
  if (Array.isArray(data) && data.length > 0) return;
  throw new ApiError(
    "refused",
    "Nothing was changed: it is gone, or you may see it but not change it.",
    "Reload the page; then ask an editor of the project, or an operator.",
    "42501",
  );
}

function check<T>({ data, error, status }: Answer, shape: Shape<T>, what: string): T {
  if (error) throw explain(error, status);
  const parsed = shape.safeParse(data);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new ApiError(
    "unexpected",
    `The database answered ${what} in another shape than this dashboard knows.`,
    `Use the dashboard of the same version as the migrations (${issue?.path.join(".") ?? ""}).`,
  );
}

function explain(problem: Problem, status: number): ApiError {
  const { code = "", message, hint } = problem;
  if (status === 0 || /fetch|network/i.test(message)) {
    return new ApiError(
      "offline",
      "The project cannot be reached.",
      "It is tried again by itself. Look at your connection if this lasts.",
    );
  }
  if (status === 401 || code === "PGRST301" || code === "PGRST303") {
    return new ApiError("signed-out", "Your session is over.", "Sign in again.", code);
  }
  if (code === "PGRST106") {
    return new ApiError(
      "absent",
      "The schema tocsin is not exposed.",
      "Add it under Project Settings > Data API > Exposed schemas.",
      code,
    );
  }
  if (status === 404 || ["PGRST202", "PGRST205", "42P01", "42883"].includes(code)) {
    return new ApiError("absent", message, "Push the migrations: supabase db push", code);
  }
  if (code === "57014") {
    return new ApiError(
      "refused",
      "The database took too long to answer.",
      "Choose a shorter range or one project.",
      code,
    );
  }
  if (code === "42501") {
    return new ApiError(
      "refused",
      "You may see this, but not change it.",
      "Ask an editor of the project, or an operator.",
      code,
    );
  }
  const broken = /violates check constraint "(\w+)"/.exec(message)?.[1];
  if (broken) {
    const rule = broken.replaceAll("_", " ");
    return new ApiError(
      "refused",
      `It was not saved: ${rule}.`,
      "Change it so that this holds, then save again.",
      code,
    );
  }
  if (code === "23505") {
    return new ApiError("refused", "It is there already.", "Change the one that is there.", code);
  }
  if (code === "22P02" || code === "22007" || code === "22008") {
    return new ApiError("refused", message, "Write it as the field says.", code);
  }
  return new ApiError(
    code.startsWith("TC") ? "refused" : "unexpected",
    message,
    hint ?? "Reload the page; if it stays, look into the project's logs.",
    code,
  );
}

/** What `load` answers, or null where this installation does not have it yet. */
export async function orAbsent<T>(load: Promise<T>): Promise<T | null> {
  try {
    return await load;
  } catch (error) {
    if (error instanceof ApiError && error.kind === "absent") return null;
    throw error;
  }
}
