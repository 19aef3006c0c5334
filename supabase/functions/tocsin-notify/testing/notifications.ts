/** Notifications of every purpose and family, ordinary and hostile, for what renders them. */
import type { Notification } from "../notification.ts";
import { heldBack, notification } from "./fixtures.ts";

const alert = {
  alert_id: "a1e27000-0000-4000-8000-000000000001",
  state: "firing",
  value: 34,
  threshold: 5,
  unit: "%",
  sample: 120,
  since: "2026-11-21T08:55:00Z",
  resolved_at: null,
};

const facts = [
  { label: "Failure rate", value: "34 % of 120 runs" },
  { label: "Limit", value: "5 %" },
];

const items = Array.from({ length: 10 }, (_, index) => ({
  title: `order-import failed, number ${10 - index}`,
  severity: "high",
  occurred_at: `2026-11-21T0${9 - (index % 3)}:00:00Z`,
  workflow_id: "w",
  run_id: `run-${10 - index}`,
  run_url: `https://app.example/runs/${10 - index}`,
  message: "HTTP 502",
}));

const measured = {
  kind: "failure_rate",
  title: "Failure rate of order-import is 34 % (limit 5 %)",
  facts,
  event: null,
};

export const every: Record<string, Notification> = {
  failure: notification(),
  "failure of an older version": notification({ title: null, facts: null }),
  "failure with a title": notification({
    title: "order-import failed at createContact",
    facts: [{ label: "Node", value: "createContact" }],
  }),
  summary: notification({ purpose: "summary", held_back: heldBack(12) }),
  firing: notification({ ...measured, alert }),
  repeat: notification({ ...measured, purpose: "repeat", alert }),
  escalation: notification({ ...measured, purpose: "escalation", alert }),
  resolved: notification({
    ...measured,
    purpose: "resolved",
    title: "Failure rate of order-import is back to 1 % (limit 5 %)",
    alert: { ...alert, state: "resolved", value: 1, resolved_at: "2026-11-21T09:20:00Z" },
  }),
  digest: notification({
    purpose: "digest",
    title: "14 alerts during “Nights”",
    event: null,
    items,
    held_back: heldBack(14, 0),
  }),
  test: notification({
    purpose: "test",
    kind: "test",
    severity: "low",
    title: "This channel works",
    facts: [{ label: "Channel", value: "Ops" }],
    setting: null,
    event: null,
    throttle: null,
    workflow_id: "",
    workflow_name: null,
  }),
};

/** What a run may say to break out of where it stands. */
export const attack =
  "<script>alert(1)</script> <https://evil.example|click> <!channel> <@U1> *bold* _it_ ~st~ `c` " +
  "```\n```& &amp; [x](https://evil.example) {{run_url}} {{title}} javascript:alert(1)\r\n" +
  "Bcc: victim@evil.example\r\n\r\nhttps://evil.example/x www.evil.example \u202egnp.exe \u0000\u0007";

/** Every text of a notification that comes from a run or a user is the attack. */
export const hostile: Notification = notification(
  {
    title: attack,
    facts: [{ label: attack, value: attack }],
    setting: { setting_id: "s", name: attack },
    project_id: attack,
    workflow_id: attack,
    workflow_name: attack,
    alert: { ...alert, unit: attack },
    items: [{ ...items[0], title: attack, message: attack, run_url: "javascript:alert(1)" }],
    held_back: {
      ...heldBack(1),
      runs: [{ run_id: attack, node: attack, message: attack, occurred_at: null, run_url: attack }],
    },
  },
  {
    run_id: attack,
    node: attack,
    error_type: attack,
    message: attack,
    run_url: "https://app.example/runs/1|<!channel>",
  },
);
