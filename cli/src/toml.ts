// Where things stand in a TOML text, so that it can be edited as text and keeps its comments.
// Whether the text is TOML at all, smol-toml has said before; here, only places are found.

import { parse } from "smol-toml";

export type Entry = {
  kind: "table" | "value";
  /** The whole path: of [api] it is ["api"], of `schemas` below it ["api", "schemas"]. */
  path: string[];
  /** From the first character of the header or of the key to behind the last of the value. */
  start: number;
  end: number;
  /** Where the value begins; of a header, its end. */
  valueStart: number;
};

/** The headers and the key-value pairs of the text, in order; [[arrays of tables]] as tables. */
export function readEntries(text: string): Entry[] {
  const entries: Entry[] = [];
  let table: string[] = [];
  let place = text.startsWith("\uFEFF") ? 1 : 0;
  while (place < text.length) {
    place = skipBlank(text, place);
    if (place >= text.length) break;
    const start = place;
    if (text[place] === "[") {
      const open = text.startsWith("[[", place) ? 2 : 1;
      const close = skipTo(text, place + open, "]");
      table = pathOf(text.slice(place + open, close));
      place = close + open;
      entries.push({ kind: "table", path: table, start, end: place, valueStart: place });
    } else {
      const equals = skipTo(text, place, "=");
      const path = [...table, ...pathOf(text.slice(place, equals))];
      let valueStart = equals + 1;
      while (text[valueStart] === " " || text[valueStart] === "\t") valueStart++;
      place = skipValue(text, valueStart);
      entries.push({ kind: "value", path, start, end: place, valueStart });
    }
  }
  return entries;
}

/** The places of an array's elements, from the one of its `[`; comments are none. */
export function readElements(text: string, open: number): { start: number; end: number }[] {
  const elements: { start: number; end: number }[] = [];
  let place = skipBlank(text, open + 1);
  while (place < text.length && text[place] !== "]") {
    const end = skipValue(text, place);
    elements.push({ start: place, end });
    place = skipBlank(text, end);
    if (text[place] === ",") place = skipBlank(text, place + 1);
  }
  return elements;
}

/** Past white space, ends of lines and comments. */
export function skipBlank(text: string, place: number): number {
  for (;;) {
    while (place < text.length && /\s/.test(text.charAt(place))) place++;
    if (text[place] !== "#") return place;
    place = lineEnd(text, place);
  }
}

/** The end of the line, without what ends it. */
export function lineEnd(text: string, place: number): number {
  const end = text.indexOf("\n", place);
  if (end === -1) return text.length;
  return text[end - 1] === "\r" ? end - 1 : end;
}

function pathOf(key: string): string[] {
  const path: string[] = [];
  let value: unknown = parse(`${key} = 0`);
  while (typeof value === "object" && value !== null) {
    const [name] = Object.keys(value);
    if (name === undefined) break;
    path.push(name);
    value = (value as Record<string, unknown>)[name];
  }
  return path;
}

/** To the next such character outside of quotes. */
function skipTo(text: string, place: number, character: string): number {
  while (place < text.length && text[place] !== character) {
    place = text[place] === '"' || text[place] === "'" ? skipString(text, place) : place + 1;
  }
  return place;
}

function skipValue(text: string, place: number): number {
  const first = text[place];
  if (first === '"' || first === "'") return skipString(text, place);
  if (first === "[" || first === "{") {
    const close = first === "[" ? "]" : "}";
    place = skipBlank(text, place + 1);
    while (place < text.length && text[place] !== close) {
      place = text[place] === "," || text[place] === "=" ? place + 1 : skipValue(text, place);
      place = skipBlank(text, place);
    }
    return place + 1;
  }
  // a number, a time, a word, or the key in an inline table
  while (place < text.length && !/[\s,=\]}#]/.test(text.charAt(place))) place++;
  return place;
}

function skipString(text: string, place: number): number {
  const quote = text.charAt(place);
  const mark = text.startsWith(quote.repeat(3), place) ? quote.repeat(3) : quote;
  let end = place + mark.length;
  while (end < text.length && !text.startsWith(mark, end)) {
    end += quote === '"' && text[end] === "\\" ? 2 : 1;
  }
  end += mark.length;
  // a text in three quotes may end with one or two more
  while (mark.length === 3 && text[end] === quote) end++;
  return end;
}
