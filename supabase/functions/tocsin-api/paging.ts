/** Pages of an answer: the first of the question that is asked, or the next, by a cursor. */
import type { z } from "zod";
import { readCursor, writeCursor } from "./cursor.ts";
import { invalidQuery } from "./errors.ts";
import { type Instant, type Range, rangeOf } from "./fields.ts";
import { parseQuery } from "./query.ts";

/** What the query of every paged route has. */
export interface Paged {
  from?: Instant | undefined;
  to?: Instant | undefined;
  limit: number;
  cursor?: string | undefined;
}

export interface Page<Asked, Place> {
  asked: Asked;
  range: Range;
  after: Place | undefined;
  /** The cursor of the page that begins after a place; null where there is none. */
  cursorAfter: (place: Place | null) => string | null;
}

/** Throws what is to be answered when neither can be told. */
export function pageOf<Asked extends Paged, Place>(
  url: URL,
  now: Date,
  query: z.ZodObject & z.ZodType<Asked>,
  place: z.ZodType<Place>,
): Page<Asked, Place> {
  const asked: Asked = parseQuery(url, query);
  const question = Object.fromEntries(
    [...url.searchParams].filter(([name]) => name !== "cursor" && name !== "limit"),
  );
  if (asked.cursor === undefined) {
    const range = rangeOf(now, asked.from, asked.to);
    return pageAfter<Asked, Place>(asked, range, undefined, question);
  }

  const cursor = readCursor(asked.cursor, place);
  const first = query.safeParse(cursor?.asked);
  if (cursor === undefined || !first.success || cursor.from >= cursor.to) {
    const message = "That is no cursor. Give the next_cursor of the page before.";
    throw invalidQuery([{ path: "cursor", message }]);
  }
  const others = Object.keys(question).filter((name) => question[name] !== cursor.asked[name]);
  if (others.length > 0) {
    const message = "The cursor is of another question. Leave this out, or begin without a cursor.";
    throw invalidQuery(others.map((path) => ({ path, message })));
  }
  const range = { from: new Date(cursor.from), to: new Date(cursor.to) };
  return pageAfter({ ...first.data, limit: asked.limit }, range, cursor.after, cursor.asked);
}

function pageAfter<Asked, Place>(
  asked: Asked,
  range: Range,
  after: Place | undefined,
  question: Record<string, string>,
): Page<Asked, Place> {
  const from = range.from.toISOString();
  const to = range.to.toISOString();
  const cursorAfter = (place: Place | null) =>
    place === null ? null : writeCursor({ version: 1, asked: question, from, to, after: place });
  return { asked, range, after, cursorAfter };
}
