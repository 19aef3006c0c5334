/**
 * The second redaction, just before something leaves or is recorded. The database redacts before
 * it stores; this catches what only the function knows (its own keys, a channel's secrets echoed
 * by a receiver) and what was stored before a rule was there. It has the rules of
 * tocsin_internal.redact(), in the same order, and a test holds the two to one another: what is
 * marked already, and prose that merely contains a word like "password", stay as they are.
 */

// camelCase cannot be told without case: the words that commonly stand before a name
const before =
  "((?<!unexpected)(?:^|[^a-z]|access|admin|api|auth|bot|client|database|db|id|refresh|root|service" +
  "|session|user)";
const names =
  "(?:password|passwd|passphrase|pwd|secret|token|authorization|credentials?" +
  "|(?:access|account|api|encryption|master|private|secret|service|signing)[_-]?key" +
  "|client[_-]?secret|cookie|session[_-]?id|csrf|otp|cvv|cvc|ssn|signature|sig|card[_-]?number)" +
  `(?:\\\\*["'])?\\s*`;
const quoted = `"(?:[^"\\\\]|\\\\[^])*(?:"|$)|'(?:[^'\\\\]|\\\\[^])*(?:'|$)|\\\\+"[^"]*(?:"|$)`;
const bare = `[^\\s,;&"'<>)}\\]\\\\]`;

const rules: readonly (readonly [RegExp, string])[] = [
  [
    /-----BEGIN [A-Z ]*?PRIVATE KEY(?: BLOCK)?-----[^]*?(?:-----END [A-Z ]*?PRIVATE KEY(?: BLOCK)?-----|$)/g,
    "[redacted:private_key]",
  ],
  // limits where the database has none: an endless text would be looked at again from each place
  [/(\b[a-z][a-z0-9+.-]{0,100}:\/\/[^\s:/@]*):[^\s/]+@/gi, "$1:[redacted:password]@"],
  [
    /(authorization(?:\\*["'])?\s*[:=]\s*(?:\\*["'])?(?:(?:token|oauth|digest|negotiate|ntlm|sharedkey|api-?key|aws4-hmac-sha256)\s+)?)(?!bearer|basic|\[redacted)(?:[a-z0-9-]+\s+)?(?=[^\s"',;]{0,500}[0-9])[^\s"',;\\]{8,}/gi,
    "$1[redacted:credentials]",
  ],
  [
    /(authorization(?:\\*["'])?\s*[:=]\s*(?:\\*["'])?(?:bearer|basic)\s+)(?!\[redacted)[^\s"',;\\]+/gi,
    "$1[redacted:credentials]",
  ],
  [
    /\b(bearer)\s+(?!authenti|authoriz|credential)[a-z0-9._~+/-]{8,}=*/gi,
    "$1 [redacted:credentials]",
  ],
  // "basic authentication failed" is said of no secret
  [
    /\b([Bb]asic|BASIC)\s+(?=[A-Za-z0-9._~+/-]+[0-9A-Z])[A-Za-z0-9._~+/-]{8,}=*/g,
    "$1 [redacted:credentials]",
  ],
  [/\beyJ[A-Za-z0-9_-]{6,}\.[A-Za-z0-9_-]{6,}(?:\.[A-Za-z0-9_-]*)?/g, "[redacted:jwt]"],
  [
    new RegExp(
      "\\b(?:(?:AKIA|ASIA)[A-Z0-9]{16}\\b|AIza[0-9A-Za-z_-]{35}|ya29\\.[0-9A-Za-z_-]{20,}" +
        "|(?:sk|rk)_(?:live|test)_[A-Za-z0-9]{10,}|sk-[A-Za-z0-9_-]{20,}|gh[pousr]_[A-Za-z0-9]{20,}" +
        "|github_pat_[A-Za-z0-9_]{20,}|glpat-[A-Za-z0-9_-]{20,}|npm_[A-Za-z0-9]{30,}" +
        "|xox[abeprs]-[A-Za-z0-9-]{10,}|sb_secret_[A-Za-z0-9_-]{10,}|sbp_[a-f0-9]{20,}" +
        "|SG\\.[A-Za-z0-9_-]{16,}\\.[A-Za-z0-9_-]{16,}|tocsin_ik_[A-Za-z0-9_-]{20,}" +
        "|whsec_[A-Za-z0-9+/=]{16,}|re_[A-Za-z0-9]{6,}_[A-Za-z0-9]{16,})",
      "g",
    ),
    "[redacted:key]",
  ],
  [/(hooks\.slack\.com\/services\/)[A-Za-z0-9/_-]{10,}/g, "$1[redacted:key]"],
  [
    /((?:^|[^a-z])cookie(?:\\*["'])?\s*[:=]\s*(?:\\*["'])?)(?!\[redacted)(?=[^\r\n"'=]{0,500}=)[^\r\n"']+/gi,
    "$1[redacted:secret]",
  ],
  // name=value, "name": "value", name => 'value', also where the quotes are escaped
  [
    new RegExp(`${before}${names}(?:=>|=(?!=))\\s*)(?!\\[redacted)(?:${quoted}|${bare}+)`, "gi"),
    "$1[redacted:secret]",
  ],
  // name: value where the value looks made, not said
  [
    new RegExp(
      `${before}${names}:\\s*)(?!\\[redacted|bearer|basic)(?:${quoted}|(?=[^\\s,;]{0,500}[0-9])${bare}{6,})`,
      "gi",
    ),
    "$1[redacted:secret]",
  ],
  [/((?:^|[^a-z])(?:otp|cvv|cvc)(?:\\*["'])?\s*:\s*)\d{3,8}\b/gi, "$1[redacted:secret]"],
  [new RegExp(`(--(?:[a-z0-9]+-)*${names}(?<=\\s))(?![-\\[])\\S+`, "gi"), "$1[redacted:secret]"],
];

/** `secrets` are exact values that must not appear, whatever they look like. */
export function redact(text: string, secrets: readonly string[] = []): string {
  let result = text;
  for (const secret of secrets) {
    if (secret.length >= 6) result = result.replaceAll(secret, "[redacted:secret]");
  }
  if (result.length < 4) return result;
  for (const [pattern, replacement] of rules) result = result.replace(pattern, replacement);
  const ibans = /\b[A-Z]{2}\d\d(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b/g;
  for (const [found] of result.matchAll(ibans)) {
    if (isIban(found)) result = result.replaceAll(found, "[redacted:iban]");
  }
  // not within a longer number or a uuid
  const cards = /(?<![0-9A-Za-z]|[0-9A-Za-z]-)[2-6](?:[ -]?\d){12,18}(?![0-9A-Za-z]|-[0-9A-Za-z])/g;
  for (const [found] of result.matchAll(cards)) {
    if (isCardNumber(found)) result = result.replaceAll(found, "[redacted:card]");
  }
  return result;
}

/** Luhn: from the right, every second digit counts twice, less nine when over nine. */
function isCardNumber(text: string): boolean {
  const digits = text.replace(/\D/g, "");
  let sum = 0;
  for (let place = 0; place < digits.length; place += 1) {
    const digit = Number(digits[digits.length - 1 - place]);
    sum += place % 2 === 0 ? digit : digit * 2 - (digit > 4 ? 9 : 0);
  }
  return digits.length >= 13 && digits.length <= 19 && sum % 10 === 0;
}

/** The first four go last, letters are 10 to 35, and the whole leaves 1 when divided by 97. */
function isIban(text: string): boolean {
  const iban = text.replaceAll(" ", "");
  if (!/^[A-Z]{2}\d\d[A-Z0-9]{11,30}$/.test(iban)) return false;
  let rest = 0;
  for (const sign of iban.slice(4) + iban.slice(0, 4)) {
    const value = Number.parseInt(sign, 36);
    rest = (rest * (value > 9 ? 100 : 10) + value) % 97;
  }
  return rest === 1;
}
