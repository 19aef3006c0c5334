/**
 * A setting's own words: plain text with {{placeholders}}, no logic. The database has checked the
 * names when it was saved. What a placeholder stands for is put in once and never looked at again,
 * as clean, redacted text; the channel escapes the whole, so nothing of a run becomes markup, a
 * header or a link. The first line is the headline, and stays one line.
 */
import { redact } from "../../_shared/redact.ts";
import { clean, cut, oneLine } from "../../_shared/text.ts";
import type { Notification } from "../notification.ts";
import { dayAndClock, lasted, parseTime, quantity } from "./time.ts";

export interface Filled {
  headline: string;
  body: string;
}

const headlineMax = 300;
const bodyMax = 6_000;
const placeholder = /\{\{\s*([a-z_]+)\s*\}\}/g;

/** `title` is the usual one, for `{{title}}` and for a headline that comes out empty. */
export function fillTemplate(
  template: string,
  notification: Notification,
  title: string,
  dashboardUrl: string | undefined,
): Filled {
  const values = placeholderValues(notification, title, dashboardUrl);
  const put = (text: string) =>
    text.replace(placeholder, (_, name: string) => clean(redact(values.get(name) ?? "")));
  const [first = "", ...rest] = template.replace(/\r\n?/g, "\n").trim().split("\n");
  return {
    headline: cut(oneLine(put(first)), headlineMax) || title,
    body: cut(clean(put(rest.join("\n"))).trim(), bodyMax),
  };
}

/** What each placeholder stands for; the list is tocsin.template_placeholders(). */
export function placeholderValues(
  notification: Notification,
  title: string,
  dashboardUrl: string | undefined,
): Map<string, string> {
  const { event, alert } = notification;
  const unit = alert?.unit ?? null;
  const since = parseTime(alert?.since);
  const until = parseTime(alert?.resolved_at);
  const time = (date: Date | undefined) => (date === undefined ? "" : dayAndClock(date));
  return new Map([
    ["title", title],
    ["severity", notification.severity],
    ["kind", notification.kind],
    ["purpose", notification.purpose],
    ["setting", notification.setting.name ?? ""],
    ["project_id", notification.project_id],
    ["workflow", notification.workflow_name ?? notification.workflow_id],
    ["workflow_id", notification.workflow_id],
    ["run_id", event?.run_id ?? ""],
    ["run_url", event?.run_url ?? ""],
    ["node", event?.node ?? ""],
    ["error_type", event?.error_type ?? ""],
    ["message", event?.message ?? ""],
    ["attempt", event?.attempt?.toString() ?? ""],
    ["occurred_at", time(parseTime(event?.occurred_at))],
    ["value", quantity(alert?.value, unit)],
    ["threshold", quantity(alert?.threshold, unit)],
    ["sample", quantity(alert?.sample, null)],
    ["since", time(since)],
    ["resolved_at", time(until)],
    ["duration", since === undefined || until === undefined ? "" : lasted(since, until)],
    ["held_back", notification.held_back?.count.toLocaleString("en") ?? ""],
    ["facts", notification.facts.map(({ label, value }) => `${label}: ${value}`).join("\n")],
    ["dashboard", dashboardUrl ?? ""],
  ]);
}
