/**
 * Text from runs and receivers is hostile until it has been through here: it may hold what
 * Postgres cannot store (NUL, half a surrogate pair), what breaks a line or a header (CR, LF), and
 * what shows it in another order than it was written (bidirectional controls).
 */

// deno-lint-ignore no-control-regex
const controls = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]/g;
const bidirectional = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;
const lineBreaks = /\r\n?|\u2028|\u2029|\u0085/g;

/** Text that can be shown on several lines: only line feeds and tabs are left of the controls. */
export function clean(text: string): string {
  return text
    .toWellFormed()
    .replace(lineBreaks, "\n")
    .replace(controls, "")
    .replace(bidirectional, "");
}

/** Text that can stand in a header or a table's cell. */
export function oneLine(text: string): string {
  return clean(text).replace(/\s+/g, " ").trim();
}

/** At most `max` characters, the last of which says that there was more. */
export function cut(text: string, max: number): string {
  if (text.length <= max) return text;
  const characters = Array.from(text);
  if (characters.length <= max) return text;
  return (
    characters
      .slice(0, Math.max(0, max - 1))
      .join("")
      .trimEnd() + "…"
  );
}

const encoder = new TextEncoder();

export function byteLength(text: string): number {
  return encoder.encode(text).length;
}

/** At most `max` bytes of UTF-8, never ending in half a character. */
export function cutBytes(text: string, max: number): string {
  const bytes = encoder.encode(text);
  if (bytes.length <= max) return text;
  let end = max;
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return new TextDecoder().decode(bytes.subarray(0, end));
}
