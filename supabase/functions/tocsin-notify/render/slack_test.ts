import assert from "node:assert/strict";
import { attack, every, hostile } from "../testing/notifications.ts";
import { escapeMrkdwn, renderSlack, type SlackMessage } from "./slack.ts";

interface Found {
  type: string;
  text: string;
  url?: string;
}

/** Every element that Slack shows, wherever it is nested. */
function elements(value: unknown): Found[] {
  if (Array.isArray(value)) return value.flatMap(elements);
  if (typeof value !== "object" || value === null) return [];
  const own = "text" in value && typeof value.text === "string" ? [value as Found] : [];
  return [...own, ...Object.values(value).flatMap(elements)];
}

function assertWithinLimits({ blocks }: SlackMessage): void {
  assert.ok(blocks.length <= 50);
  for (const block of blocks) {
    if (block.type === "header") assert.ok(block.text.text.length <= 150);
    for (const { text } of elements(block)) {
      assert.ok(text.length > 0 && text.length <= 3_000, `${text.length} characters`);
    }
  }
}

Deno.test("every notification says its headline, keeps Slack's limits and reads no markup", () => {
  for (const [name, one] of Object.entries(every)) {
    const message = renderSlack(one, { dashboardUrl: "https://tocsin.example" });
    assertWithinLimits(message);
    assert.equal(message.mrkdwn, false, name);
    assert.equal(message.unfurl_links, false);
    const types = new Set(elements(message.blocks).map(({ type }) => type));
    assert.ok(!types.has("mrkdwn"), "nothing that Slack would parse");
    if (one.title !== null && one.purpose !== "test") {
      assert.ok(JSON.stringify(message.blocks[0]).includes(one.title), name);
    }
  }
});

Deno.test("a failure links to its run, and lists what is known", () => {
  const shown = elements(renderSlack(every["failure"] ?? assert.fail()).blocks);
  const links = shown.filter(({ type }) => type === "link").map(({ url }) => url);
  assert.deepEqual([...new Set(links)], ["https://app.example/runs/8f3c2a44"]);
  const text = shown.map((one) => one.text).join(" ");
  assert.match(text, /Node: +createContact/);
  assert.match(text, /HTTP 502 from createContact/);
});

Deno.test("a digest lists its items, each with its link, and says how many more there are", () => {
  const shown = elements(renderSlack(every["digest"] ?? assert.fail()).blocks);
  assert.equal(shown.filter(({ type }) => type === "link").length, 10);
  assert.ok(shown.some(({ text }) => text === "and 4 more"));
});

Deno.test("nothing from a run becomes a mention, a link or markup", () => {
  const message = renderSlack(hostile, { template: `{{message}}\n{{title}} {{run_url}}` });
  assertWithinLimits(message);
  for (const { type, url } of elements(message.blocks)) {
    if (type !== "link") continue;
    assert.equal(new URL(url ?? "").origin, "https://app.example");
    assert.ok(!/[<>\s]/.test(url ?? ""));
  }
  assert.ok(!/<[!@#h]/.test(message.text), "the plain text is escaped");
  assert.ok(!JSON.stringify(message).includes("\\u202e"));
});

Deno.test("a text of any length fits", () => {
  const long = structuredClone(hostile);
  if (long.event === null) assert.fail();
  long.event.message = "x".repeat(50_000);
  long.title = attack.repeat(50);
  assertWithinLimits(renderSlack(long));
});

Deno.test("the three characters that Slack reads are escaped", () => {
  assert.equal(escapeMrkdwn("<!channel> & <a|b>"), "&lt;!channel&gt; &amp; &lt;a|b&gt;");
});
