/** Headers that a user gave for a channel's requests. */

/** Those that are Tocsin's or HTTP's own; a channel's headers cannot set them. */
const reserved =
  /^(webhook-.*|content-.*|host|user-agent|connection|keep-alive|transfer-encoding|te|trailer|upgrade|expect|accept-encoding|proxy-.*)$/;

export function customHeaders(headers: Readonly<Record<string, string>>): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    const lower = name.trim().toLowerCase();
    if (!reserved.test(lower)) kept[lower] = value.trim();
  }
  return kept;
}
