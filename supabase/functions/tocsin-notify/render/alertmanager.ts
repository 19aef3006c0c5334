/**
 * A notification as an alert of Alertmanager's API, version 2. The labels say which alert it is, so
 * they are the same when it fires, repeats and is resolved; everything else is an annotation.
 */
import { cut } from "../../_shared/text.ts";
import type { Notification } from "../notification.ts";
import { line, linkOf, type StoryOptions, tellStory } from "./story.ts";
import { parseTime } from "./time.ts";

export interface PostableAlert {
  labels: Record<string, string>;
  annotations: Record<string, string>;
  startsAt?: string;
  endsAt?: string;
  generatorURL?: string;
}

/** Should its end never arrive, an alert that was measured ends after this long. */
const longestMs = 24 * 60 * 60 * 1000;

export function renderAlertmanager(
  notification: Notification,
  options: StoryOptions = {},
): PostableAlert {
  const { event, alert, purpose, setting } = notification;
  const story = tellStory(notification, options);
  const decided = parseTime(notification.decided_at);
  const since = parseTime(alert?.since) ?? parseTime(event?.occurred_at) ?? decided;
  const generator = linkOf(event?.run_url);
  const ends = endOf(notification, decided);
  return {
    labels: filled({
      alertname: `tocsin_${notification.kind}`,
      severity: notification.severity,
      source: "tocsin",
      setting: line(setting.name, 100),
      setting_id: setting.setting_id ?? "",
      project_id: line(notification.project_id, 120),
      workflow_id: line(notification.workflow_id, 120),
      workflow: line(notification.workflow_name, 120),
      // what happens once is an alert of its own; what is measured is one per setting and target
      run_id: alert === null ? line(event?.run_id, 120) : "",
      ...(purpose === "test" ? { test: "true" } : {}),
    }),
    annotations: filled({
      summary: story.title,
      description: cut(
        [story.lead, story.custom ?? story.error?.text ?? ""].filter(Boolean).join("\n"),
        4_000,
      ),
      ...Object.fromEntries(
        story.facts.map(({ label, value }) => [`fact_${labelName(label)}`, value]),
      ),
      held_back: notification.held_back?.count.toString() ?? "",
      purpose,
      notification_id: notification.notification_id,
      run_url: generator ?? "",
    }),
    ...(since === undefined ? {} : { startsAt: since.toISOString() }),
    ...(ends === undefined ? {} : { endsAt: ends.toISOString() }),
    ...(generator === undefined ? {} : { generatorURL: generator }),
  };
}

/** Without one, Alertmanager's own resolve_timeout decides: right for what happened once. */
function endOf({ alert, purpose }: Notification, decided: Date | undefined): Date | undefined {
  if (purpose === "resolved") return parseTime(alert?.resolved_at) ?? decided;
  if (alert === null || decided === undefined) return undefined;
  return new Date(decided.getTime() + longestMs);
}

function labelName(label: string): string {
  return (
    label
      .toLowerCase()
      .replace(/[^a-z0-9]+/g, "_")
      .replace(/^_+|_+$/g, "") || "other"
  );
}

/** Alertmanager takes an empty label for one that is not there. */
function filled(values: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== ""));
}
