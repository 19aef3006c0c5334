import assert from "node:assert/strict";
import { every, hostile } from "../testing/notifications.ts";
import { notification } from "../testing/fixtures.ts";
import { renderAlertmanager } from "./alertmanager.ts";

const of = (name: string) => renderAlertmanager(every[name] ?? assert.fail());

Deno.test("what is measured is one alert, from its beginning to its end", () => {
  const firing = of("firing");
  assert.deepEqual(firing.labels, {
    alertname: "tocsin_failure_rate",
    severity: "high",
    source: "tocsin",
    setting: "Every failed run",
    setting_id: "9d2b1a30-0c43-4d0e-8a8e-1a5f0f3b7a11",
    project_id: "shop",
    workflow_id: "c9a1f0d2-77aa-4b7e-8f7e-91d4b5a6c3e8",
    workflow: "order-import",
  });
  assert.equal(firing.annotations["summary"], "Failure rate of order-import is 34 % (limit 5 %)");
  assert.equal(firing.annotations["fact_failure_rate"], "34 % of 120 runs");
  assert.equal(firing.startsAt, "2026-11-21T08:55:00.000Z");
  for (const later of ["repeat", "escalation", "resolved"]) {
    assert.deepEqual(of(later).labels, firing.labels, later);
    assert.equal(of(later).startsAt, firing.startsAt);
  }
  assert.equal(of("resolved").endsAt, "2026-11-21T09:20:00.000Z");
  assert.ok(Date.parse(firing.endsAt ?? "") > Date.parse("2026-11-22T08:00:00Z"));
});

Deno.test("each failure is an alert of its own, and Alertmanager decides when it is over", () => {
  const failure = of("failure");
  assert.equal(failure.labels["run_id"], "8f3c2a44-1d0b-4b1e-9c61-5f3e0a7b2d19");
  assert.equal(failure.endsAt, undefined);
  assert.equal(failure.generatorURL, "https://app.example/runs/8f3c2a44");
  const resolved = renderAlertmanager(notification({ purpose: "resolved" }));
  assert.deepEqual(resolved.labels, failure.labels);
  assert.equal(resolved.endsAt, "2026-11-21T09:02:13.000Z");
});

Deno.test("a test says so, and what a run says is a value, never a label's name", () => {
  assert.equal(of("test").labels["test"], "true");
  const { labels, annotations } = renderAlertmanager(hostile);
  for (const name of [...Object.keys(labels), ...Object.keys(annotations)]) {
    assert.match(name, /^[a-zA-Z_][a-zA-Z0-9_]*$/);
  }
  for (const value of Object.values(labels)) assert.ok(value !== "" && !/[\r\n]/.test(value));
});
