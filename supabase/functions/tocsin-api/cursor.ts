/**
 * The cursor of a paged answer. It holds the question as it was first asked, its range fixed, and
 * the place of the last row: so each page belongs to the same question, whenever it is asked for.
 * It opens nothing: what is answered is what the caller may see, whatever a cursor says.
 */
import { z } from "zod";

const longest = 4_096;

const time = z.iso.datetime();

export interface Cursor<Place> {
  version: 1;
  /** The parameters of the first page, as they were given. */
  asked: Record<string, string>;
  from: string;
  to: string;
  /** Of the last row. */
  after: Place;
}

export function writeCursor(cursor: Cursor<unknown>): string {
  return toBase64Url(new TextEncoder().encode(JSON.stringify(cursor)));
}

/** Undefined: that is no cursor of ours. */
export function readCursor<Place>(
  text: string,
  place: z.ZodType<Place>,
): Cursor<Place> | undefined {
  if (text.length > longest) return undefined;
  const cursor = z.strictObject({
    version: z.literal(1),
    asked: z.record(z.string().max(50), z.string().max(1_000)),
    from: time,
    to: time,
    after: place,
  });
  try {
    const json = new TextDecoder("utf-8", { fatal: true }).decode(fromBase64Url(text));
    const parsed = cursor.safeParse(JSON.parse(json));
    return parsed.success && !json.includes("\\u0000") ? parsed.data : undefined;
  } catch {
    return undefined;
  }
}

function toBase64Url(bytes: Uint8Array): string {
  const binary = Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
  return btoa(binary).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}

function fromBase64Url(text: string): Uint8Array {
  if (!/^[\w-]+$/.test(text)) throw new TypeError("not base64url");
  return Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (character) =>
    character.charCodeAt(0),
  );
}
