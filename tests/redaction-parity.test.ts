// What the function redacts before it sends is what the database redacts before it stores: the same
// texts through both, those of redact()'s own tests and others that are made up at random.

import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { repository } from "../dev/paths.ts";
import { startTestDatabase, type TestDatabase, type TestServer } from "../dev/test/database.ts";
import { redact } from "../supabase/functions/_shared/redact.ts";
import { seeded } from "./support/delivery.ts";

let server: TestServer;
let db: TestDatabase;
before(async () => {
  server = await startTestDatabase();
  db = await server.clone();
});
after(() => server?.stop());

async function compare(texts: string[]): Promise<number> {
  const rows = await db.sql<{ text: string; told: string }>(
    "select text, tocsin_internal.redact(text) as told from unnest($1::text[]) as text",
    [texts],
  );
  const differing = rows.filter(({ text, told }) => redact(text) !== told);
  assert.deepEqual(
    differing.slice(0, 5).map(({ text, told }) => ({ text, sql: told, function: redact(text) })),
    [],
  );
  return rows.filter(({ text, told }) => text !== told).length;
}

test("every text of redact()'s own tests is redacted alike", async () => {
  const files = globSync("supabase/tests/redact/*.sql", { cwd: repository });
  const texts = files.flatMap((file) =>
    [...readFileSync(join(repository, file), "utf8").matchAll(/(?<![\w])'((?:[^']|'')+)'/g)].map(
      ([, text = ""]) => text.replaceAll("''", "'"),
    ),
  );
  assert.ok(texts.length > 100);
  const redacted = await compare(texts);
  assert.ok(redacted > 50, `${redacted} hold a secret`);
});

const pieces = [
  ...["password", "api_key", "Authorization", "cookie", "token", "--secret", "otp", "access_token"],
  ...["=", ": ", " => ", '": "', "=", " = ", '\\": \\"', ":"],
  ...[
    "hunter2",
    "Bearer abcdef0123456789",
    "Basic dXNlcjpwYXNzMQ==",
    "a b c",
    '"x y"',
    "'q'",
    "1234",
  ],
  ...["postgres://app:s3cret@db:5432/x", "https://a.example/b?sig=abcdef", "user@x.example"],
  ...["eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
  ...[
    "4111 1111 1111 1111",
    "4111-1111-1111-1112",
    "DE89 3704 0044 0532 0130 00",
    "AKIA0123456789ABCDEF",
  ],
  ...["https://hooks.slack.com/services/T00000000/B00000000/XXXX", "session_id", "the", "is wrong"],
  ...[" ", ", ", "; ", "\n", "&", "{", "}", "[redacted:secret]", '"', " é ", " 日本 "],
];

test("texts that are put together at random are redacted alike", async (t) => {
  const random = seeded(7);
  const pick = (): string => pieces[Math.floor(random() * pieces.length)] ?? "";
  const texts = Array.from({ length: 8_000 }, () =>
    Array.from({ length: 2 + Math.floor(random() * 9) }, pick).join(random() < 0.3 ? " " : ""),
  );
  t.diagnostic(`${await compare([...new Set(texts)])} of ${texts.length} texts hold a secret`);
});

test("long and nasty texts take no time", () => {
  const nasty = [
    "a.".repeat(30_000),
    "cookie:".repeat(9_000),
    `password="${"\\".repeat(60_000)}`,
    "://".repeat(20_000),
    `https://${"a:".repeat(30_000)}`,
    `--${"a-".repeat(30_000)}`,
    "4 ".repeat(30_000),
    "DE89 ".repeat(12_000),
    "eyJaaaaaa.".repeat(6_000),
    "-----BEGIN PRIVATE KEY-----".repeat(2_000),
    "authorization: x ".repeat(4_000),
    "basic ".repeat(10_000),
    `password${" ".repeat(60_000)}`,
  ];
  for (const text of nasty) {
    const began = performance.now();
    redact(text);
    const took = performance.now() - began;
    assert.ok(took < 1_000, `${text.slice(0, 20)}…: ${took.toFixed(0)} ms`);
  }
});
