import assert from "node:assert/strict";
import { serve, type TestServer } from "../../_shared/testing/servers.ts";
import { notification } from "../testing/fixtures.ts";
import { smsChannel } from "./sms.ts";

function send(server: TestServer | undefined, values: Record<string, string> = {}, to?: string[]) {
  const env: Record<string, string> = {
    TWILIO_ACCOUNT_SID: "AC0123",
    TWILIO_AUTH_TOKEN: "the-auth-token",
    TWILIO_FROM: "+15005550006",
    ...(server === undefined ? {} : { TWILIO_BASE_URL: server.url }),
    ...values,
  };
  return smsChannel.send(
    {
      deliveryId: "d",
      channelName: "Phones",
      config: { to: to ?? ["+4915112345678"] },
      secrets: [],
      notification: notification(),
      template: null,
    },
    {
      env: { get: (name) => env[name] },
      fetch,
      outgoing: () => Promise.reject(new Error("Twilio's address is known")),
      now: () => new Date("2026-11-21T09:00:00Z"),
      timeoutMs: 30_000,
    },
  );
}

Deno.test("a message goes to Twilio for one number, and its id is kept", async () => {
  await using server = serve(() => Response.json({ sid: "SM42" }, { status: 201 }));
  const result = await send(server);
  assert.ok(result.outcome === "delivered");
  assert.equal(result.providerId, "SM42");
  const [request] = server.received;
  assert.equal(request?.path, "/2010-04-01/Accounts/AC0123/Messages.json");
  assert.equal(request?.headers.get("authorization"), `Basic ${btoa("AC0123:the-auth-token")}`);
  const form = new URLSearchParams(request?.body);
  assert.equal(form.get("To"), "+4915112345678");
  assert.equal(form.get("From"), "+15005550006");
  assert.match(form.get("Body") ?? "", /^ALERT: order-import failed/);
});

Deno.test("a messaging service can stand in place of a number", async () => {
  await using server = serve(() => Response.json({ sid: "SM42" }, { status: 201 }));
  await send(server, { TWILIO_FROM: "MG0123" });
  const form = new URLSearchParams(server.received[0]?.body);
  assert.equal(form.get("MessagingServiceSid"), "MG0123");
  assert.equal(form.get("From"), null);
});

const answers: [number, number, string][] = [
  [400, 21211, "dead"],
  [400, 21610, "dead"],
  [400, 21606, "dead"],
  [401, 20003, "retry"],
  [403, 20003, "retry"],
  [429, 20429, "retry"],
  [500, 20500, "retry"],
];

for (const [status, code, outcome] of answers) {
  Deno.test(`Twilio's ${status} ${code} is ${outcome}`, async () => {
    await using server = serve(() => Response.json({ code, message: "why", status }, { status }));
    const result = await send(server);
    assert.equal(result.outcome, outcome);
    assert.match("error" in result ? result.error : "", new RegExp(`${status} ${code}: why`));
    assert.notEqual(result.outcome === "dead" && result.gone, true, "the other numbers go on");
  });
}

Deno.test("a secret that is missing is named with the command that sets it", async () => {
  for (const name of ["TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN", "TWILIO_FROM"]) {
    const result = await send(undefined, { [name]: "" });
    assert.equal(result.outcome, "retry");
    assert.match(
      "error" in result ? result.error : "",
      new RegExp(`supabase secrets set ${name}=`),
    );
  }
});

Deno.test("what is no number is not sent to", async () => {
  const result = await send(undefined, {}, ["112"]);
  assert.equal(result.outcome, "dead");
});
