import assert from "node:assert/strict";
import { attack, every, hostile } from "../testing/notifications.ts";
import { notification } from "../testing/fixtures.ts";
import { renderEmail } from "./email.ts";
import { renderSms } from "./sms.ts";
import { fillTemplate, placeholderValues } from "./template.ts";
import { renderWebhook } from "./webhook.ts";

const template = "{{workflow}} is down: {{error_type}}\n\nAt {{ node }}: {{message}}\n{{run_url}}";

Deno.test("the first line is the headline, the rest the text, with what is known put in", () => {
  assert.deepEqual(fillTemplate(template, notification(), "usual", undefined), {
    headline: "order-import is down: http_error",
    body: "At createContact: HTTP 502 from createContact\nhttps://app.example/runs/8f3c2a44",
  });
});

Deno.test("figures and times are told as people read them; what is not known is empty", () => {
  const all = [...placeholderValues(notification(), "t", undefined).keys()];
  const text = (name: string) =>
    fillTemplate(
      `x\n${all.map((one) => `${one}={{${one}}}`).join("\n")}`,
      every[name] ?? assert.fail(),
      "The usual",
      "https://tocsin.example",
    ).body.split("\n");
  const resolved = text("resolved");
  for (const line of [
    "title=The usual",
    "value=1 %",
    "threshold=5 %",
    "sample=120",
    "since=21 Nov 2026, 08:55:00 UTC",
    "duration=25 minutes",
    "run_id=",
    "dashboard=https://tocsin.example",
    "facts=Failure rate: 34 % of 120 runs",
  ]) {
    assert.ok(resolved.includes(line), line);
  }
});

Deno.test("the same placeholders as the database checks", async () => {
  const file = new URL("../../../migrations/20260101001291_templates.sql", import.meta.url);
  const sql = await Deno.readTextFile(file);
  const listed = [...sql.matchAll(/^ {4}\('([a-z_]+)', '/gm)].map(([, name]) => name);
  assert.deepEqual(listed, [...placeholderValues(notification(), "", undefined).keys()]);
});

Deno.test("what is put in is not looked at again, and the headline stays a line", () => {
  const filled = fillTemplate("{{message}}\n{{message}}", hostile, "usual", undefined);
  assert.ok(!filled.headline.includes("\n"));
  assert.ok(filled.body.includes("{{run_url}} {{title}}"), "it is not filled in a second time");
  assert.ok(!filled.body.includes("app.example"));
});

Deno.test("in an email the setting's words and what a run says are text, not HTML", () => {
  const { subject, html, text } = renderEmail(hostile, {
    template: "<b>{{message}}</b>\n<i>{{setting}}</i> {{workflow}}",
  });
  assert.ok(!/[\r\n]/.test(subject) && subject.length <= 150);
  assert.ok(html.includes("&lt;b&gt;") && html.includes("&lt;i&gt;"));
  assert.ok(!/<(script|b|i)>/.test(html.replace(/<style>[^]*<\/style>/, "")));
  assert.ok(!/href="(?!https:\/\/app\.example)/.test(html));
  assert.ok(!html.includes("\u202e") && !text.includes("\u0000"));
});

Deno.test("in a webhook they are a field of their own; in a message they are cut to one", () => {
  const { data } = JSON.parse(renderWebhook(notification(), { template }));
  assert.equal(data.text.headline, "order-import is down: http_error");
  assert.equal(data.title, "order-import failed");
  assert.match(renderSms(notification(), { template }), /^ALERT: order-import is down: http_error/);
  assert.ok(renderSms(hostile, { template: `${attack}\n${attack}` }).length <= 160);
});

Deno.test("a headline that comes out empty is the usual one", () => {
  assert.equal(fillTemplate("{{sample}}", notification(), "usual", undefined).headline, "usual");
});
