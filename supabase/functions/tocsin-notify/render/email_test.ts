import assert from "node:assert/strict";
import { heldBack, notification } from "../testing/fixtures.ts";
import { renderEmail } from "./email.ts";
import { subjectMax } from "./story.ts";

const dashboardUrl = "https://tocsin.example";

/** The elements of a document that was built from constants and escaped text. */
function tags(html: string): Set<string> {
  return new Set(
    [...html.matchAll(/<\/?([a-z][a-z0-9]*)/gi)].map(([, name = ""]) => name.toLowerCase()),
  );
}

function hrefs(html: string): string[] {
  return [...html.matchAll(/href="([^"]*)"/g)].map(([, href = ""]) => href);
}

Deno.test(
  "a failed run says which workflow, run and node failed, why and when, in both forms",
  () => {
    const { subject, html, text } = renderEmail(notification(), { dashboardUrl });
    assert.equal(subject, "[Tocsin] order-import failed: HTTP 502 from createContact");
    for (const form of [html, text]) {
      for (const part of [
        "order-import failed",
        "c9a1f0d2-77aa-4b7e-8f7e-91d4b5a6c3e8",
        "createContact",
        "http_error",
        "8f3c2a44-1d0b-4b1e-9c61-5f3e0a7b2d19",
        "HTTP 502 from createContact",
        "High severity",
        "21 Nov 2026, 09:02:11 UTC",
        "https://app.example/runs/8f3c2a44",
        "https://tocsin.example/",
        "alert setting “Every failed run”",
        "At most 1 message per workflow in 5 minutes",
      ]) {
        assert.ok(form.includes(part), part);
      }
    }
  },
);

Deno.test("the subject names the node when the reason does not", () => {
  const { subject } = renderEmail(notification({}, { message: "HTTP 502\nsecond line" }));
  assert.equal(subject, "[Tocsin] order-import failed at createContact: HTTP 502");
});

Deno.test("what is not known is left out, and the subject still says something", () => {
  const { subject, html, text } = renderEmail(
    notification(
      { workflow_name: null, workflow_id: "", project_id: "", throttle: null },
      {
        node: null,
        message: null,
        error_type: null,
        attempt: null,
        run_url: null,
        occurred_at: null,
      },
    ),
  );
  assert.equal(subject, "[Tocsin] A run failed: no reason given");
  for (const word of ["null", "undefined", "NaN", "Invalid", "Node", "Attempt", "Open the run"]) {
    assert.ok(!text.includes(word), word);
    assert.ok(!html.replace(/<style>[^]*<\/style>/, "").includes(word), word);
  }
});

Deno.test("a workflow without a name goes by its id", () => {
  const { subject } = renderEmail(notification({ workflow_name: null, workflow_id: "import" }));
  assert.match(subject, /^\[Tocsin\] import failed/);
});

Deno.test(
  "a summary counts what was held back, names the newest and says how many it does not name",
  () => {
    const summary = notification({
      purpose: "summary",
      severity: "medium",
      held_back: heldBack(12),
    });
    const { subject, html, text } = renderEmail(summary);
    assert.equal(subject, "[Tocsin] order-import failed 12 more times since 09:02:20 UTC");
    for (const form of [html, text]) {
      for (const part of [
        "From 09:02:20 to 09:07:10 UTC on 21 Nov 2026",
        "run-12",
        "run-8",
        "and 7 more",
      ]) {
        assert.ok(form.includes(part), part);
      }
      assert.ok(!form.includes("run-7"), "five are named");
    }
  },
);

Deno.test("a single one held back is told in the singular, with nothing hidden", () => {
  const summary = notification({ purpose: "summary", held_back: heldBack(1) });
  const { subject, text } = renderEmail(summary);
  assert.match(subject, /order-import failed once more since/);
  assert.ok(!/and \d+ more/.test(text));
});

Deno.test("a first notice tells what was held back since the last", () => {
  const { text } = renderEmail(notification({ held_back: heldBack(3) }));
  assert.match(
    text,
    /3 more failures since the last notice \(09:02:20 to 09:07:10 UTC on 21 Nov 2026\)/,
  );
});

Deno.test("a test message says that nothing failed", () => {
  const { subject, html, text } = renderEmail(notification({ purpose: "test", event: null }));
  assert.equal(subject, "[Tocsin] Test: this channel works");
  for (const form of [html, text]) assert.ok(form.includes("Nothing failed"));
  assert.ok(!html.includes("High severity"));
});

Deno.test("markup from a run stays text, wherever it comes from", () => {
  const evil = `</style></title><script>alert(1)</script><img src=x onerror="alert(1)"><a href='https://evil.example'>`;
  const plain = renderEmail(notification({ held_back: heldBack(2) }), { dashboardUrl });
  const held = heldBack(2);
  const runs = (held["runs"] as object[]).map((run) => ({
    ...run,
    run_id: evil,
    node: evil,
    message: evil,
  }));
  const { subject, html, text } = renderEmail(
    notification(
      {
        workflow_name: evil,
        workflow_id: evil,
        project_id: evil,
        setting: { name: evil },
        held_back: { ...held, runs },
      },
      { node: evil, error_type: evil, message: evil, run_id: evil },
    ),
    { dashboardUrl },
  );
  assert.deepEqual(tags(html), tags(plain.html), "no element that was not there before");
  assert.deepEqual(
    new Set(hrefs(html)),
    new Set(hrefs(plain.html)),
    "no link that was not there before",
  );
  assert.ok(!html.includes("<script") && !html.includes("<img") && !/\son[a-z]+="/.test(html));
  assert.equal(html.match(/<\/style>/g)?.length, 1);
  assert.ok(html.includes("&lt;script&gt;alert(1)&lt;/script&gt;"));
  assert.ok(text.includes("<script>alert(1)</script>"), "text is text");
  assert.ok(subject.length <= subjectMax);
});

Deno.test("nothing from a run can begin a header or turn a line around", () => {
  const { subject, html, text } = renderEmail(
    notification(
      { workflow_name: "a\r\nBcc: all@evil.example\r\n\r\nhello" },
      { message: "invoice\u202efdp.exe\u0000\u2028next\u200f", run_id: "x\u2066y\u0007" },
    ),
  );
  assert.equal(
    subject,
    "[Tocsin] a Bcc: all@evil.example hello failed at createContact: invoicefdp.exe",
  );
  const unwanted =
    // deno-lint-ignore no-control-regex
    /[\r\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/;
  for (const form of [subject, html, text]) assert.ok(!unwanted.test(form));
});

Deno.test("only http links become links", () => {
  for (const url of [
    "javascript:alert(1)",
    "data:text/html,x",
    "//evil.example",
    "https://a:b@evil.example/",
    "x".repeat(3_000),
  ]) {
    const { html, text } = renderEmail(notification({}, { run_url: url }));
    assert.deepEqual(hrefs(html), [], url);
    assert.ok(!text.includes("Open the run"));
  }
  const quoted = renderEmail(notification({}, { run_url: 'https://a.example/?q="><script>' }));
  assert.deepEqual(
    new Set(hrefs(quoted.html)),
    new Set(["https://a.example/?q=%22%3E%3Cscript%3E"]),
  );
});

Deno.test("a long subject is cut to 150 characters, a long message says how long it was", () => {
  const { subject, text } = renderEmail(
    notification({ workflow_name: "w".repeat(300) }, { message: "m".repeat(9_000) }),
  );
  assert.ok(subject.length <= subjectMax && subject.endsWith("…"));
  assert.ok(text.includes("(cut: the message has 9,000 characters)"));
  assert.ok(text.length < 6_000);
});

Deno.test("nothing is loaded from anywhere", () => {
  const { html } = renderEmail(notification({ held_back: heldBack(5) }), { dashboardUrl });
  assert.ok(!/<(img|link|script|iframe|object|video|svg)\b/i.test(html));
  assert.ok(!/url\(|@import|@font-face|src=/i.test(html));
  assert.ok(html.length < 60_000, "well under what Gmail cuts off");
});

Deno.test("light and dark are both there, and severity is a word as well as a colour", () => {
  for (const severity of ["low", "medium", "high"]) {
    const { html } = renderEmail(notification({ severity }));
    assert.ok(html.includes("prefers-color-scheme:dark"));
    assert.ok(html.includes('name="color-scheme" content="light dark"'));
    assert.match(html, new RegExp(`${severity} severity`, "i"));
  }
});

Deno.test("secrets that slipped through are redacted once more", () => {
  const { subject, html, text } = renderEmail(
    notification({}, { message: "password=hunter2 refused" }),
  );
  for (const form of [subject, html, text]) assert.ok(!form.includes("hunter2"));
});

Deno.test(
  "the same notification always reads the same, so that a repetition is one to Resend",
  () => {
    assert.deepEqual(
      renderEmail(notification(), { dashboardUrl }),
      renderEmail(notification(), { dashboardUrl }),
    );
  },
);
