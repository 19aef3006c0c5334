// What there is to say of something that was thrown, whatever it is.

import { cut } from "./bounded.ts";
import type { ErrorEvent } from "./types.ts";

const longestMessage = 8_000;
const longestStack = 32_000;
const mostCauses = 4;

export function describe(thrown: unknown): ErrorEvent {
  if (typeof thrown !== "object" || thrown === null) {
    const text = typeof thrown === "string" ? thrown : `${String(thrown)} was thrown`;
    return { message: cut(text === "" ? "An empty text was thrown" : text, longestMessage) };
  }
  const causes = causesOf(thrown);
  const own = textOf(thrown, "message") ?? bodyMessage(thrown) ?? nameOf(thrown);
  // "fetch failed" says nothing; its cause says what failed
  const message = causes
    .map((cause) => textOf(cause, "message") ?? "")
    .reduce((all, more) => (more === "" || all.includes(more) ? all : `${all}: ${more}`), own);
  const stacks = [thrown, ...causes].flatMap((one) => textOf(one, "stack") ?? []);
  const status = statusOf(thrown);
  const codes = [thrown, ...causes].flatMap((one) => textOf(one, "code") ?? []);
  const sqlstate = codes.find((code) => /^(?:[0-9A-Z]{5}|PGRST\d+)$/.test(code));
  const metadata = {
    ...only("code", codes[0]),
    ...only("details", textOf(thrown, "details") ?? textOf(thrown, "detail")),
    ...only("hint", textOf(thrown, "hint")),
    ...only("errors", partsOf(thrown)),
  };
  return {
    message: cut(message, longestMessage),
    exception: nameOf(thrown),
    ...(stacks.length > 0 ? { stack: cut(stacks.join("\nCaused by: "), longestStack) } : {}),
    // five capitals are no SQLSTATE without a digit: EPIPE
    ...(sqlstate !== undefined && /\d/.test(sqlstate) ? { sqlstate } : {}),
    ...(status === undefined ? {} : { http_status: status }),
    ...(Object.keys(metadata).length > 0 ? { metadata } : {}),
  };
}

/** The HTTP status that a thrown value carries, as those of frameworks and clients do. */
export function statusOf(thrown: unknown): number | undefined {
  if (typeof thrown !== "object" || thrown === null) return undefined;
  const { status, statusCode } = thrown as { status?: unknown; statusCode?: unknown };
  return [status, statusCode].find(
    (one): one is number => Number.isInteger(one) && Number(one) >= 100 && Number(one) <= 599,
  );
}

function causesOf(thrown: object): object[] {
  const causes: object[] = [];
  let cause = (thrown as { cause?: unknown }).cause;
  while (typeof cause === "object" && cause !== null && causes.length < mostCauses) {
    if (cause === thrown || causes.includes(cause)) break;
    causes.push(cause);
    cause = (cause as { cause?: unknown }).cause;
  }
  return causes;
}

/** The errors that an AggregateError is made of. */
function partsOf(thrown: object): string[] | undefined {
  const { errors } = thrown as { errors?: unknown };
  if (!Array.isArray(errors)) return undefined;
  return errors.slice(0, 10).map((one: unknown) => cut(describe(one).message ?? "", 500));
}

function nameOf(thrown: object): string {
  const name = textOf(thrown, "name") ?? "";
  const made = (thrown.constructor as { name?: string } | undefined)?.name ?? "";
  const best = name === "" || name === "Error" ? made : name;
  return cut(best === "" || best === "Object" ? "Error" : best, 200);
}

/** SvelteKit's own errors say what they mean in their body. */
function bodyMessage(thrown: object): string | undefined {
  const { body } = thrown as { body?: unknown };
  return typeof body === "object" && body !== null ? textOf(body, "message") : undefined;
}

function textOf(thing: object, key: string): string | undefined {
  const value = (thing as Record<string, unknown>)[key];
  if (typeof value === "number") return String(value);
  return typeof value === "string" && value !== "" ? value : undefined;
}

function only<T>(key: string, value: T | undefined): Record<string, T> {
  return value === undefined ? {} : { [key]: value };
}
