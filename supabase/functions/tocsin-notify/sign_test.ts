import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { Webhook } from "standardwebhooks";
import { SecretError, signWebhook } from "./sign.ts";

const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const older = "whsec_" + btoa("an older secret of 24 b+");
const at = new Date("2026-11-21T09:00:00.900Z");

Deno.test(
  "the signature is HMAC-SHA256 of id, timestamp and body, as any receiver computes it",
  () => {
    const headers = signWebhook("msg_1", at, '{"a":"é"}', [secret]);
    const key = Buffer.from("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "base64");
    const mac = createHmac("sha256", key).update('msg_1.1795251600.{"a":"é"}').digest("base64");
    assert.deepEqual(headers, {
      "webhook-id": "msg_1",
      "webhook-timestamp": "1795251600",
      "webhook-signature": `v1,${mac}`,
    });
  },
);

Deno.test("during a rotation a receiver with either secret accepts it", () => {
  const headers = { ...signWebhook("msg_1", new Date(), "{}", [secret, older]) };
  assert.equal(headers["webhook-signature"].split(" ").length, 2);
  for (const known of [secret, older]) new Webhook(known).verify("{}", headers);
  const stranger = "whsec_" + btoa("a stranger's secret, 24b");
  assert.throws(() => new Webhook(stranger).verify("{}", headers), /No matching signature/);
});

Deno.test("another body, id or time is not accepted", () => {
  const headers = { ...signWebhook("msg_1", new Date(), "{}", [secret]) };
  const webhook = new Webhook(secret);
  assert.throws(() => webhook.verify("{ }", headers));
  assert.throws(() => webhook.verify("{}", { ...headers, "webhook-id": "msg_2" }));
  const old = signWebhook("msg_1", new Date(Date.now() - 6 * 60_000), "{}", [secret]);
  assert.throws(() => webhook.verify("{}", { ...old }), /too old/);
});

Deno.test("without a secret, or with one that is none, nothing is signed", () => {
  const bad = [
    [],
    ["MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
    ["whsec_"],
    ["whsec_c2hvcnQ="],
    ["whsec_***"],
    [secret, ""],
  ];
  for (const secrets of bad) {
    assert.throws(
      () => signWebhook("msg_1", at, "{}", secrets),
      SecretError,
      JSON.stringify(secrets),
    );
  }
});
