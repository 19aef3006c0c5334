/** The email of a notification: one story, as HTML and as text. The same one always reads the same. */
import type { Notification } from "../notification.ts";
import { renderEmailHtml } from "./email_html.ts";
import { type Story, type StoryOptions, tellStory } from "./story.ts";

export interface Email {
  subject: string;
  html: string;
  text: string;
}

export function renderEmail(notification: Notification, options: StoryOptions = {}): Email {
  const story = tellStory(notification, options);
  return { subject: story.subject, html: renderEmailHtml(story), text: renderEmailText(story) };
}

export function renderEmailText(story: Story): string {
  const parts = [
    `${story.kicker.toUpperCase()}${story.tone === "test" ? "" : ` (${story.severity})`}`,
    `${story.title}\n${story.lead}`,
  ];
  if (story.custom !== undefined) parts.push(story.custom);
  if (story.error !== undefined) {
    parts.push(`${story.error.label}\n${indent(story.error.text)}`);
  }
  if (story.facts.length > 0) {
    const width = Math.max(...story.facts.map((fact) => fact.label.length)) + 2;
    parts.push(
      story.facts
        .map(
          ({ label, value, note }) =>
            label.padEnd(width) + value + (note === undefined ? "" : ` (${note})`),
        )
        .join("\n"),
    );
  }
  if (story.action !== undefined) parts.push(`${story.action.label}: ${story.action.href}`);
  if (story.more !== undefined) {
    const { heading, span, runs, hidden } = story.more;
    const rows = runs.map(
      (run) =>
        `- ${[run.time, run.run, run.node].filter(Boolean).join("  ")}` +
        (run.message === "" ? "" : `\n  ${run.message}`) +
        (run.href === undefined ? "" : `\n  ${run.href}`),
    );
    parts.push(
      [heading + (span === "" ? "" : ` (${span})`), ...rows, hidden].filter(Boolean).join("\n"),
    );
  }
  if (story.dashboard !== undefined) parts.push(`Dashboard: ${story.dashboard}`);
  parts.push(
    ["--", story.reason, story.pace, `Notification ${story.reference}`].filter(Boolean).join("\n"),
  );
  return parts.join("\n\n") + "\n";
}

function indent(text: string): string {
  return text
    .split("\n")
    .map((row) => `    ${row}`)
    .join("\n");
}
