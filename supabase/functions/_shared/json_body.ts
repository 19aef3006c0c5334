/**
 * Reads the JSON of a request, of a bounded size: what is too long is refused as soon as it is,
 * whatever its headers say of it, and is never held in memory.
 */

/** Why a body cannot be used; an answer of its own, with a code and a hint. */
export class BodyError extends Error {
  override readonly name = "BodyError";
  readonly status: 400 | 413 | 415;
  readonly code: string;
  readonly hint: string;

  constructor(status: 400 | 413 | 415, code: string, message: string, hint: string) {
    super(message);
    this.status = status;
    this.code = code;
    this.hint = hint;
  }
}

export interface BodyLimits {
  maxBytes: number;
  /** What is no UTF-8 is refused, or becomes U+FFFD where losing the rest would be worse. */
  invalidUtf8?: "refuse" | "replace";
}

/**
 * So much more than the limit is read and forgotten before the answer: whoever is still writing when
 * the answer comes and the connection is closed does not get to see it.
 */
const patience = 16;

export async function readJson(
  request: Request,
  { maxBytes, invalidUtf8 = "refuse" }: BodyLimits,
): Promise<unknown> {
  const encoding = request.headers.get("content-encoding") ?? "identity";
  if (encoding !== "identity") {
    await request.body?.cancel();
    throw new BodyError(
      415,
      "body_is_packed",
      `The body is packed (${encoding.slice(0, 40)}).`,
      "Send it as it is, without Content-Encoding.",
    );
  }
  const bytes = await readBytes(request, maxBytes);
  if (bytes.length === 0) {
    throw new BodyError(400, "body_is_empty", "There is no body.", "Send JSON.");
  }
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: invalidUtf8 === "refuse" }).decode(bytes);
  } catch {
    throw new BodyError(400, "body_is_not_utf8", "The body is not UTF-8.", "Send JSON in UTF-8.");
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    const reason = error instanceof Error ? error.message.slice(0, 200) : "";
    throw new BodyError(400, "body_is_not_json", `The body is no JSON: ${reason}`, "Send JSON.");
  }
}

async function readBytes(request: Request, maxBytes: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  let isTooLong = Number(request.headers.get("content-length") ?? 0) > maxBytes;
  const reader = request.body?.getReader();
  for (;;) {
    const { done, value } = (await reader?.read()) ?? { done: true };
    if (done || value === undefined) break;
    length += value.length;
    isTooLong ||= length > maxBytes;
    if (!isTooLong) chunks.push(value);
    else if (chunks.length > 0) chunks.length = 0;
    if (length > patience * maxBytes) {
      await reader?.cancel();
      break;
    }
  }
  if (isTooLong) {
    throw new BodyError(
      413,
      "body_too_long",
      `The body has more than ${maxBytes} bytes.`,
      "Send it in parts.",
    );
  }
  const whole = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}

/**
 * JSON that Postgres can take: without NUL and halves of surrogate pairs, in keys too, and not
 * nested deeper than its parser goes. What is deeper is cut with the mark that the database has.
 */
export function storable(value: unknown, depth: number): unknown {
  if (typeof value === "string") return storableText(value);
  if (typeof value !== "object" || value === null) return value;
  if (depth <= 0) return "[cut: too deep]";
  if (Array.isArray(value)) return value.map((item) => storable(item, depth - 1));
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [storableText(key), storable(item, depth - 1)]),
  );
}

function storableText(text: string): string {
  return text.toWellFormed().replaceAll("\0", "\ufffd");
}
