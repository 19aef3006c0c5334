import assert from "node:assert/strict";
import { attack, every, hostile } from "../testing/notifications.ts";
import { notification } from "../testing/fixtures.ts";
import { renderSms, smsMax, toGsm } from "./sms.ts";

const expected: Record<string, string> = {
  failure:
    "ALERT: order-import failed, at createContact, HTTP 502 from createContact " +
    "https://app.example/runs/8f3c2a44",
  firing: "ALERT: Failure rate of order-import is 34 % (limit 5 %)",
  resolved: "RESOLVED: Failure rate of order-import is back to 1 % (limit 5 %)",
  test: "TEST: This channel works",
  digest: 'ALERT: 14 alerts during "Nights", +14 held back',
};

for (const [name, text] of Object.entries(expected)) {
  Deno.test(`a ${name} makes sense in one message`, () => {
    assert.equal(renderSms(every[name] ?? assert.fail()), text);
  });
}

Deno.test("whatever it is, it is one message of the phones' own alphabet", () => {
  const long = notification({}, { message: "日本語 ".repeat(200), run_url: null });
  const emoji = notification({ workflow_name: "🚀".repeat(300) });
  const linked = notification({}, { run_url: `https://app.example/${"x".repeat(150)}` });
  for (const one of [...Object.values(every), hostile, long, emoji, linked]) {
    const text = renderSms(one, { template: null });
    assert.ok(text.length > 10 && text.length <= smsMax, text);
    assert.match(text, /^[\x20-\x5f\x61-\x7e¡-ÿΔΦΓΛΩΠΨΣΘΞ]*$/);
    assert.ok(!/[\\[\]{}|~^]/.test(text), "an escaped character would count as two");
  }
  assert.ok(!renderSms(linked).includes("https://app.example/xxx"), "half a link is none");
});

Deno.test("what a run says becomes no link on a phone", () => {
  const event = { message: "see https://evil.example/x www.evil.example evil.example/y", node: "" };
  const text = renderSms(notification({}, { ...event, run_url: null }));
  assert.equal(text, "ALERT: order-import failed, see (link) (link) (link)");
  assert.ok(!/evil/.test(renderSms(notification({ title: attack }, { message: attack }))));
});

Deno.test("letters with marks, quotes and dashes are put into what phones have", () => {
  assert.equal(toGsm("“Ünïcode” — naïve… café ł"), '"Ünicode" - naive... café ?');
});
