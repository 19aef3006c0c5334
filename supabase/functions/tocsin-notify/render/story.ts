/**
 * What a notification says to a person, in words and in order, before it takes the form of a
 * channel. Everything here is clean text: no controls, no bidirectional marks, redacted, cut.
 */
import { redact } from "../../_shared/redact.ts";
import { clean, cut, oneLine } from "../../_shared/text.ts";
import type { HeldRun, Notification } from "../notification.ts";
import { clock, day, dayAndClock, duration, parseTime, plural, span } from "./time.ts";

export const subjectMax = 150;
const messageMax = 3_000;
const listed = 5;

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
  tone: "high" | "medium" | "low" | "test";
  severity: string;
  kicker: string;
  title: string;
  lead: string;
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
}

export function tellStory(notification: Notification, options: StoryOptions = {}): Story {
  const { event } = notification;
  const runUrl = linkOf(event?.run_url);
  const dashboard = linkOf(options.dashboardUrl);
  const action =
    runUrl !== undefined
      ? { label: "Open the run", href: runUrl }
      : dashboard !== undefined
        ? { label: "Open the dashboard", href: dashboard }
        : undefined;
  const message = event?.message ?? "";
  return {
    ...openingOf(notification),
    tone: notification.purpose === "test" ? "test" : notification.severity,
    severity: `${capital(notification.severity)} severity`,
    error:
      event === null
        ? undefined
        : {
            label:
              [notification.purpose === "summary" ? "The newest" : "", line(event.error_type, 80)]
                .filter(Boolean)
                .join(": ") || "Error",
            text: block(message) || "No reason was given.",
          },
    facts: factsOf(notification, runUrl),
    more: moreOf(notification),
    action,
    dashboard: action?.href === dashboard ? undefined : dashboard,
    ...reasonOf(notification),
  };
}

type Opening = Pick<Story, "subject" | "preview" | "kicker" | "title" | "lead">;

function openingOf(notification: Notification): Opening {
  const { purpose, event, held_back: held } = notification;
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

function subjectOf(text: string): string {
  return cut(`[Tocsin] ${oneLine(text)}`, subjectMax);
}

function factsOf(notification: Notification, runUrl: string | undefined): Fact[] {
  const { event } = notification;
  const facts: Fact[] = [];
  const add = (label: string, value: string, more: Partial<Fact> = {}) => {
    if (value !== "") facts.push({ label, value, code: false, ...more });
  };
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
  add("Project", line(notification.project_id, 120), { code: true });
  return facts;
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
  const at = parseTime(run.occurred_at);
  return {
    time: at === undefined ? "" : day(at) === day(today) ? clock(at) : `${day(at)} ${clock(at)}`,
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

function firstLine(text: string | null | undefined): string {
  return (
    clean(text ?? "")
      .trim()
      .split("\n", 1)[0] ?? ""
  );
}

function line(text: string | null | undefined, max: number): string {
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
