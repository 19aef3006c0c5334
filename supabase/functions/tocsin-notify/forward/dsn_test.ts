import assert from "node:assert/strict";
import { parseDsn } from "./dsn.ts";

const good: [string, string, string][] = [
  [
    "https://abc123@o42.ingest.sentry.io/4501",
    "https://o42.ingest.sentry.io/api/4501/envelope/",
    "abc123",
  ],
  ["https://k@sentry.example:8443/1", "https://sentry.example:8443/api/1/envelope/", "k"],
  ["https://k@host.example/deep/path/7", "https://host.example/deep/path/api/7/envelope/", "k"],
  ["https://k@host.example/7/", "https://host.example/api/7/envelope/", "k"],
  ["http://a1-b2@127.0.0.1:8000/3", "http://127.0.0.1:8000/api/3/envelope/", "a1-b2"],
];

for (const [text, url, publicKey] of good) {
  Deno.test(`${text} leads to ${url}`, () => {
    const dsn = parseDsn(text);
    assert.ok(!("problem" in dsn));
    assert.deepEqual([dsn.url, dsn.publicKey, dsn.secretKey], [url, publicKey, undefined]);
  });
}

Deno.test("an old DSN has a secret key as well", () => {
  const dsn = parseDsn("https://pub:sec@host.example/7");
  assert.ok(!("problem" in dsn));
  assert.deepEqual([dsn.publicKey, dsn.secretKey], ["pub", "sec"]);
});

const bad = [
  "",
  "abc",
  "ftp://k@h.example/1",
  "https://h.example/1",
  "https://k@h.example",
  "https://k@h.example/",
];
for (const text of bad) {
  Deno.test(`"${text}" is no DSN, and the reason does not repeat it`, () => {
    const dsn = parseDsn(text);
    assert.ok("problem" in dsn);
    assert.match(dsn.problem, /^SENTRY_DSN .*https:\/\/<public key>@<host>/);
    assert.ok(text === "" || text === "abc" || !dsn.problem.includes(text));
  });
}
