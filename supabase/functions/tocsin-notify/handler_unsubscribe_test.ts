import assert from "node:assert/strict";
import { createHandler } from "./handler.ts";
import { fakeDatabase, testDeps } from "./testing/fixtures.ts";

const address = "https://x.supabase.co/functions/v1/tocsin-notify/unsubscribe?token=";

Deno.test("the mail program's button ends the emails, without a session", async () => {
  const db = fakeDatabase([]);
  const handle = createHandler(testDeps({ db }));
  const press = (token: string) =>
    handle(
      new Request(address + token, {
        method: "POST",
        headers: { "content-type": "application/x-www-form-urlencoded" },
        body: "List-Unsubscribe=One-Click",
      }),
    );
  const answer = await press("known-0123456789abcdef");
  assert.equal(answer.status, 200);
  assert.match(answer.headers.get("content-type") ?? "", /^text\/plain/);
  assert.deepEqual(db.unsubscribed, ["known-0123456789abcdef"]);
  assert.equal((await press("guess-0123456789abcdef")).status, 404);
  for (const nonsense of ["", "short", "x".repeat(500), "%27%20or%20true"]) {
    assert.equal((await press(nonsense)).status, 404);
  }
  assert.equal(db.unsubscribed.length, 2, "nonsense does not reach the database");
  assert.equal(db.claims, 0);
});

Deno.test("to look at the address, as scanners of mail do, changes nothing", async () => {
  const db = fakeDatabase([]);
  const handle = createHandler(testDeps({ db }));
  for (const method of ["GET", "HEAD", "OPTIONS"]) {
    const answer = await handle(new Request(`${address}known-0123456789abcdef`, { method }));
    assert.equal(answer.status, 405);
    assert.equal(answer.headers.get("allow"), "POST");
  }
  assert.deepEqual(db.unsubscribed, []);
});
