/**
 * The second redaction, just before something leaves or is recorded. The database redacts before
 * it stores; this catches what only the function knows (its own keys, a channel's secrets echoed
 * by a receiver) and what was stored before a rule was there. It marks what it takes out as the
 * database does, and leaves what is marked already, and prose that merely contains a word like
 * "password", as they are.
 */
const rules: readonly (readonly [RegExp, string])[] = [
  [
    /-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g,
    "[redacted:private_key]",
  ],
  [/\b([a-z][a-z0-9+.-]*:\/\/[^\s:/@]*):[^\s/@]+@/gi, "$1:[redacted:password]@"],
  [/\b(bearer|basic)\s+[a-z0-9._~+/-]{8,}=*/gi, "$1 [redacted:credentials]"],
  [/\beyJ[A-Za-z0-9_-]{6,}\.[A-Za-z0-9_-]{6,}\.[A-Za-z0-9_-]*/g, "[redacted:jwt]"],
  [
    /\b(?:(?:sk|rk)_(?:live|test)_[A-Za-z0-9]{10,}|sk-[A-Za-z0-9_-]{20,}|gh[pousr]_[A-Za-z0-9]{20,}|xox[abeprs]-[A-Za-z0-9-]{10,}|sb_secret_[A-Za-z0-9_-]{10,}|whsec_[A-Za-z0-9+/=]{16,}|re_[A-Za-z0-9]{6,}_[A-Za-z0-9]{16,})/g,
    "[redacted:key]",
  ],
  [
    /((?:password|passwd|secret|api[_-]?key|access[_-]?token|auth[_-]?token|private[_-]?key)["']?\s*=\s*)(?!\[redacted)("[^"]*"|'[^']*'|[^\s,;&"')}\]]+)/gi,
    "$1[redacted:secret]",
  ],
];

/** `secrets` are exact values that must not appear, whatever they look like. */
export function redact(text: string, secrets: readonly string[] = []): string {
  let result = text;
  for (const secret of secrets) {
    if (secret.length >= 6) result = result.replaceAll(secret, "[redacted:secret]");
  }
  for (const [pattern, replacement] of rules) result = result.replace(pattern, replacement);
  return result;
}
