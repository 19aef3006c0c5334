/**
 * What a notification says to a person, in words and in order, before it takes the form of a
 * channel. Everything here is clean text: no controls, no bidirectional marks, redacted, cut.
 */
import { redact } from "../../_shared/redact.ts";
import { clean, cut, oneLine } from "../../_shared/text.ts";
import type { HeldRun, Item, Notification } from "../notification.ts";
import { fillTemplate, type Filled } from "./template.ts";
import {
  clock,
  day,
  dayAndClock,
  duration,
  lasted,
  parseTime,
  plural,
  quantity,
  span,
} from "./time.ts";

export const subjectMax = 150;
const messageMax = 3_000;
const listed = 5;
const mostItems = 10;
const mostFacts = 12;

export interface Fact {
  label: string;
  value: string;
  /** An identifier or a code, to be set in a fixed width. */
  code: boolean;
  href?: string | undefined;
  note?: string | undefined;
}

export interface ListedRun {
  time: string;
  run: string;
  node: string;
  message: string;
  href: string | undefined;
}

export interface Story {
  subject: string;
  /** What a list of mails shows after the subject. */
  preview: string;
  tone: "high" | "medium" | "low" | "test" | "resolved";
  severity: string;
  kicker: string;
  title: string;
  lead: string;
  /** The setting's own words, in place of error and facts. */
  custom: string | undefined;
  error: { label: string; text: string } | undefined;
  facts: Fact[];
  more: { heading: string; span: string; runs: ListedRun[]; hidden: string } | undefined;
  action: { label: string; href: string } | undefined;
  dashboard: string | undefined;
  /** Why this was sent, and how often it is. */
  reason: string;
  pace: string;
  reference: string;
}

export interface StoryOptions {
  dashboardUrl?: string | undefined;
  /** What the setting says instead of the usual text. */
  template?: string | null | undefined;
}

export function tellStory(notification: Notification, options: StoryOptions = {}): Story {
  const { event, purpose } = notification;
  const runUrl = linkOf(event?.run_url);
  const dashboard = linkOf(options.dashboardUrl);
  const usual = openingOf(notification);
  const custom = customOf(notification, usual.title, options);
  const action =
    runUrl !== undefined
      ? { label: "Open the run", href: runUrl }
      : dashboard !== undefined
        ? { label: "Open the dashboard", href: dashboard }
        : undefined;
  const message = event?.message ?? "";
  return {
    ...usual,
    ...(custom === undefined
      ? { custom: undefined }
      : {
          title: custom.headline,
          subject: subjectOf(custom.headline),
          custom: custom.body === "" ? undefined : custom.body,
        }),
    tone: purpose === "test" || purpose === "resolved" ? purpose : notification.severity,
    severity: `${capital(notification.severity)} severity`,
    error:
      event === null || custom !== undefined
        ? undefined
        : {
            label:
              [purpose === "summary" ? "The newest" : "", line(event.error_type, 80)]
                .filter(Boolean)
                .join(": ") || "Error",
            text: block(message) || "No reason was given.",
          },
    facts: custom === undefined ? factsOf(notification, runUrl) : [],
    more: itemsOf(notification) ?? moreOf(notification),
    action,
    dashboard: action?.href === dashboard ? undefined : dashboard,
    ...reasonOf(notification),
  };
}

/** The setting's own words; a test that no setting asked for has none. */
function customOf(
  notification: Notification,
  title: string,
  { template, dashboardUrl }: StoryOptions,
): Filled | undefined {
  return template == null ? undefined : fillTemplate(template, notification, title, dashboardUrl);
}

type Opening = Pick<Story, "subject" | "preview" | "kicker" | "title" | "lead">;

function openingOf(notification: Notification): Opening {
  const { purpose, event, held_back: held } = notification;
  const title = line(notification.title, 300);
  const setting = line(notification.setting.name, 80);
  const at = parseTime(event?.occurred_at ?? notification.decided_at);
  const when = at === undefined ? "" : dayAndClock(at);

  if (purpose === "test") {
    return {
      subject: subjectOf(`Test: this channel works`),
      preview: "You asked for it. Nothing failed.",
      kicker: "Test message",
      title: "This channel works",
      lead:
        "You asked for this test" +
        (setting === "" ? "." : ` of “${setting}”.`) +
        " Nothing failed. A real alert takes the very same path.",
    };
  }

  if (title !== "") {
    return {
      subject: subjectOf(title),
      preview: previewOf(notification, when),
      kicker: kickers[purpose],
      title,
      lead: leadOf(notification, when),
    };
  }

  const workflow = workflowOf(notification);
  if (purpose === "summary" && held !== null) {
    const since = parseTime(held.since);
    const until = parseTime(held.until);
    const times = held.count === 1 ? "once more" : `${held.count.toLocaleString("en")} more times`;
    return {
      subject: subjectOf(
        `${workflow} failed ${times}` + (since === undefined ? "" : ` since ${clock(since)} UTC`),
      ),
      preview: line(firstLine(event?.message), 120) || `${workflow} failed ${times}`,
      kicker: "Summary",
      title: `${workflow} failed ${times}`,
      lead: since === undefined || until === undefined ? when : `From ${span(since, until)}`,
    };
  }

  const node = line(event?.node, 60);
  const why =
    line(firstLine(event?.message), 200) || line(event?.error_type, 80) || "no reason given";
  const where = node === "" || why.includes(node) ? "" : ` at ${node}`;
  return {
    subject: subjectOf(`${workflow} failed${where}: ${why}`),
    preview: [
      node && `at ${node}`,
      line(event?.run_id, 60) && `run ${line(event?.run_id, 60)}`,
      when,
    ]
      .filter(Boolean)
      .join(", "),
    kicker: "Run failed",
    title: `${workflow} failed`,
    lead: [node === "" ? "" : `At ${node}`, when].filter(Boolean).join(", "),
  };
}

const kickers: Record<Notification["purpose"], string> = {
  first: "Alert",
  summary: "Summary",
  digest: "Digest",
  resolved: "Resolved",
  repeat: "Still firing",
  escalation: "Nobody has acknowledged this",
  test: "Test message",
};

function previewOf({ event, facts, items }: Notification, when: string): string {
  const [newest] = items;
  return (
    line(firstLine(event?.message), 120) ||
    line(newest?.title, 120) ||
    line(facts.map(({ label, value }) => `${label}: ${value}`).join(", "), 120) ||
    when
  );
}

/** When it was, and for how long, as far as that is known. */
function leadOf({ alert, held_back: held }: Notification, when: string): string {
  const since = parseTime(alert?.since);
  const until = parseTime(alert?.resolved_at);
  if (since !== undefined && until !== undefined) {
    return `It lasted ${lasted(since, until)}: from ${span(since, until)}`;
  }
  if (since !== undefined) return `Since ${dayAndClock(since)}`;
  const from = parseTime(held?.since);
  const to = parseTime(held?.until);
  return from === undefined || to === undefined ? when : `From ${span(from, to)}`;
}

function subjectOf(text: string): string {
  return cut(`[Tocsin] ${oneLine(text)}`, subjectMax);
}

function factsOf(notification: Notification, runUrl: string | undefined): Fact[] {
  const { event } = notification;
  const facts: Fact[] = [];
  const add = (label: string, value: string, more: Partial<Fact> = {}) => {
    if (value !== "") facts.push({ label, value, code: false, ...more });
  };
  if (notification.facts.length > 0) {
    for (const fact of notification.facts.slice(0, mostFacts)) {
      add(line(fact.label, 60), line(fact.value, 500));
    }
    return facts;
  }
  if (notification.purpose === "test" && event === null) {
    const at = parseTime(notification.decided_at);
    add("Sent", at === undefined ? "" : dayAndClock(at));
    return facts;
  }
  const workflowId = line(notification.workflow_id, 120);
  const name = line(notification.workflow_name, 120);
  add("Workflow", name || workflowId, {
    code: name === "",
    note: name !== "" && workflowId !== name ? workflowId : undefined,
  });
  add("Run", line(event?.run_id, 120), { code: true, href: runUrl });
  add("Node", line(event?.node, 120), { code: true });
  if (event?.attempt != null) add("Attempt", event.attempt.toLocaleString("en"));
  const at = parseTime(event?.occurred_at);
  add("Failed", at === undefined ? "" : dayAndClock(at));
  const { alert } = notification;
  add("Value", quantity(alert?.value, line(alert?.unit, 20)));
  add("Limit", quantity(alert?.threshold, line(alert?.unit, 20)));
  add("Project", line(notification.project_id, 120), { code: true });
  return facts;
}

/** What a group or a digest tells of, newest first. */
function itemsOf({ purpose, items, held_back: held, decided_at }: Notification): Story["more"] {
  if (items.length === 0) return undefined;
  const shown = items.slice(0, mostItems);
  const hidden = Math.max(items.length, held?.count ?? 0) - shown.length;
  const today = parseTime(decided_at) ?? new Date(0);
  return {
    heading: purpose === "digest" ? "What happened meanwhile" : "What it tells of",
    span: "",
    runs: shown.map((item) => listedItem(item, today)),
    hidden: hidden <= 0 ? "" : `and ${hidden.toLocaleString("en")} more`,
  };
}

function listedItem(item: Item, today: Date): ListedRun {
  return {
    time: shortTime(item.occurred_at, today),
    run: line(item.title, 140) || shortId(line(item.run_id, 60)),
    node: "",
    message: line(item.message, 140),
    href: linkOf(item.run_url),
  };
}

function shortTime(text: string | null, today: Date): string {
  const at = parseTime(text);
  if (at === undefined) return "";
  return day(at) === day(today) ? clock(at) : `${day(at)} ${clock(at)}`;
}

function moreOf({ purpose, held_back: held }: Notification): Story["more"] {
  if (held === null || held.count === 0) return undefined;
  const since = parseTime(held.since);
  const until = parseTime(held.until);
  const runs = held.runs.slice(0, listed).map((run) => listedRun(run, until ?? new Date(0)));
  const hidden = held.count - runs.length;
  return {
    heading:
      purpose === "summary"
        ? "What was held back"
        : `${plural(held.count, "more failure")} since the last notice`,
    span:
      purpose === "summary" || since === undefined || until === undefined ? "" : span(since, until),
    runs,
    hidden: hidden <= 0 || runs.length === 0 ? "" : `and ${hidden.toLocaleString("en")} more`,
  };
}

function listedRun(run: HeldRun, today: Date): ListedRun {
  return {
    time: shortTime(run.occurred_at, today),
    run: shortId(line(run.run_id, 60)),
    node: line(run.node, 60),
    message: line(run.message, 140),
    href: linkOf(run.run_url),
  };
}

function reasonOf(notification: Notification): Pick<Story, "reason" | "pace" | "reference"> {
  const setting = line(notification.setting.name, 100);
  const { throttle } = notification;
  return {
    reason:
      setting === ""
        ? "You get this because a channel of Tocsin has your address."
        : `You get this because the alert setting “${setting}” sends to you.`,
    pace:
      notification.purpose === "test" || throttle === null || throttle.window_seconds === 0
        ? ""
        : `At most ${plural(throttle.limit, "message")} per workflow in ` +
          `${duration(throttle.window_seconds)}; the rest is counted and told in a summary.`,
    reference: line(notification.notification_id, 60),
  };
}

function workflowOf(notification: Notification): string {
  return line(notification.workflow_name, 80) || line(notification.workflow_id, 80) || "A run";
}

/** An http(s) link, or none: `javascript:` and the like are not followed from a mail. */
export function linkOf(url: string | null | undefined): string | undefined {
  if (url == null || url.length > 2_000 || !URL.canParse(url)) return undefined;
  const parsed = new URL(url);
  const plain = parsed.username === "" && parsed.password === "";
  return plain && /^https?:$/.test(parsed.protocol) ? parsed.href : undefined;
}

/** A uuid's first group is enough to tell runs apart in a list. */
function shortId(id: string): string {
  return /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i.test(id)
    ? `${id.slice(0, 8)}…`
    : id;
}

export function firstLine(text: string | null | undefined): string {
  return (
    clean(text ?? "")
      .trim()
      .split("\n", 1)[0] ?? ""
  );
}

export function line(text: string | null | undefined, max: number): string {
  return cut(redact(oneLine(text ?? "")), max);
}

function block(text: string): string {
  const whole = redact(clean(text)).trim();
  const shown = cut(whole, messageMax);
  return shown === whole
    ? whole
    : `${shown}\n(cut: the message has ${whole.length.toLocaleString("en")} characters)`;
}

function capital(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1);
}
