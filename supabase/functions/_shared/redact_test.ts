import assert from "node:assert/strict";
import { redact } from "./redact.ts";

Deno.test("credentials are replaced in place", () => {
  const cases: [string, string][] = [
    ["Authorization: Bearer abcdef0123456789.x", "Authorization: Bearer [redacted:credentials]"],
    ["postgres://app:hunter22@db:5432/x", "postgres://app:[redacted:password]@db:5432/x"],
    ["key sb_secret_abcdefghij0123456789 used", "key [redacted:key] used"],
    ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "[redacted:key]"],
    ["api_key=abc123&x=1", "api_key=[redacted:secret]&x=1"],
    [`{"password" = "a b c"}`, `{"password" = [redacted:secret]}`],
    ["eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl", "[redacted:jwt]"],
  ];
  for (const [before, after] of cases) assert.equal(redact(before), after);
});

Deno.test("a second redaction changes nothing", () => {
  const text = "postgres://a:b@c Bearer abcdefghijkl password=x api_key='y'";
  assert.equal(redact(redact(text)), redact(text));
  const stored = "password=[redacted:secret] Bearer [redacted:credentials] [redacted:key]";
  assert.equal(redact(stored), stored);
});

Deno.test("prose is left alone", () => {
  const prose =
    "The password is wrong; reset your secret token. Basic plan: see https://a.example/b";
  assert.equal(redact(prose), prose);
});

Deno.test("given values are replaced whatever they look like, but not trifles", () => {
  assert.equal(
    redact("you sent pears-and-plums, x", ["pears-and-plums", "x"]),
    "you sent [redacted:secret], x",
  );
});
