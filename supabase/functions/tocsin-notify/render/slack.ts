/**
 * A notification as Slack's Block Kit. All that comes from a run or a user stands in rich text,
 * where Slack looks for no markup: stars, backticks and angle brackets are shown as they are, and
 * only links that Tocsin makes are links. The plain text, for lists and screen readers, is escaped
 * and not read as mrkdwn.
 */
import { cut } from "../../_shared/text.ts";
import type { Notification } from "../notification.ts";
import { type Story, type StoryOptions, tellStory } from "./story.ts";

/** Slack's limits: https://docs.slack.dev/reference/block-kit/blocks */
const headerMax = 150;
const textMax = 2_800;
const shortMax = 500;

interface RichStyle {
  bold?: true;
  italic?: true;
  code?: true;
}

export type RichElement =
  { type: "text"; text: string; style?: RichStyle } | { type: "link"; url: string; text: string };

type RichPart =
  | { type: "rich_text_section"; elements: RichElement[] }
  | { type: "rich_text_preformatted"; elements: RichElement[] }
  | {
      type: "rich_text_list";
      style: "bullet";
      elements: { type: "rich_text_section"; elements: RichElement[] }[];
    };

export type SlackBlock =
  | { type: "header"; text: { type: "plain_text"; text: string; emoji: false } }
  | { type: "rich_text"; elements: RichPart[] }
  | { type: "context"; elements: { type: "plain_text"; text: string; emoji: false }[] }
  | { type: "divider" };

export interface SlackMessage {
  text: string;
  mrkdwn: false;
  parse: "none";
  link_names: false;
  unfurl_links: false;
  unfurl_media: false;
  blocks: SlackBlock[];
}

const signs: Record<Story["tone"], string> = {
  high: "🔴",
  medium: "🟠",
  low: "🔵",
  test: "🧪",
  resolved: "✅",
};

export function renderSlack(notification: Notification, options: StoryOptions = {}): SlackMessage {
  const story = tellStory(notification, options);
  const headline = `${signs[story.tone]} ${story.title}`;
  const word = story.tone === "test" ? story.kicker : `${story.severity}, ${story.kicker}`;
  const blocks: SlackBlock[] = [
    { type: "header", text: plain(headline, headerMax) },
    section([
      { type: "text", text: word, style: { bold: true } },
      text(story.lead === "" ? "" : `\n${story.lead}`),
    ]),
  ];
  if (story.custom !== undefined) blocks.push(section([text(cut(story.custom, textMax))]));
  if (story.error !== undefined) {
    blocks.push({
      type: "rich_text",
      elements: [
        part([{ type: "text", text: story.error.label, style: { bold: true } }]),
        {
          type: "rich_text_preformatted",
          elements: [text(cut(story.error.text, textMax))],
        },
      ],
    });
  }
  if (story.facts.length > 0) blocks.push(factsBlock(story));
  if (story.more !== undefined) blocks.push(...moreBlocks(story.more));
  const links = [
    ...(story.action === undefined ? [] : [link(story.action.href, story.action.label)]),
    ...(story.dashboard === undefined ? [] : [link(story.dashboard, "Open the dashboard")]),
  ];
  if (links.length > 0) {
    blocks.push(section(links.flatMap((one, at) => (at === 0 ? [one] : [text("  ·  "), one]))));
  }
  blocks.push({
    type: "context",
    elements: [plain([story.reason, story.pace].filter(Boolean).join(" "), textMax)],
  });
  return {
    text: escapeMrkdwn(cut(headline, textMax)),
    mrkdwn: false,
    parse: "none",
    link_names: false,
    unfurl_links: false,
    unfurl_media: false,
    blocks,
  };
}

/** The three characters that Slack reads in any text: of links, mentions and entities. */
export function escapeMrkdwn(value: string): string {
  return value.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

function factsBlock({ facts }: Story): SlackBlock {
  return {
    type: "rich_text",
    elements: [
      {
        type: "rich_text_list",
        style: "bullet",
        elements: facts.map(({ label, value, code, href, note }) => ({
          type: "rich_text_section",
          elements: [
            { type: "text", text: `${label}: `, style: { bold: true } },
            href === undefined
              ? { ...text(cut(value, shortMax)), ...(code ? { style: { code: true } } : {}) }
              : link(href, cut(value, shortMax)),
            ...(note === undefined ? [] : [text(` (${cut(note, shortMax)})`)]),
          ],
        })),
      },
    ],
  };
}

function moreBlocks(more: NonNullable<Story["more"]>): SlackBlock[] {
  const heading: RichElement[] = [
    { type: "text", text: more.heading, style: { bold: true } },
    text(more.span === "" ? "" : `\n${more.span}`),
  ];
  const rows: RichPart = {
    type: "rich_text_list",
    style: "bullet",
    elements: more.runs.map((run) => ({
      type: "rich_text_section",
      elements: present([
        text([run.time, ""].filter(Boolean).join("  ") + (run.time === "" ? "" : "  ")),
        run.run === ""
          ? text("")
          : run.href === undefined
            ? text(run.run)
            : link(run.href, run.run),
        text(run.node === "" ? "" : ` · ${run.node}`),
        text(run.message === "" ? "" : `  ${run.message}`),
      ]),
    })),
  };
  const hidden = more.hidden === "" ? [] : [part([text(more.hidden)])];
  const list = more.runs.length === 0 ? [] : [rows];
  return [
    { type: "divider" },
    { type: "rich_text", elements: [part(heading), ...list, ...hidden] },
  ];
}

function plain(value: string, max: number): { type: "plain_text"; text: string; emoji: false } {
  return { type: "plain_text", text: fit(value, max) || " ", emoji: false };
}

/** Slack may count a character outside the basic plane as two. */
function fit(value: string, max: number): string {
  let shown = cut(value, max);
  for (let room = max; shown.length > max && room > 0;) {
    room -= shown.length - max;
    shown = cut(value, room);
  }
  return shown;
}

function text(value: string): RichElement {
  return { type: "text", text: value };
}

function link(url: string, label: string): RichElement {
  return { type: "link", url, text: label };
}

function section(elements: RichElement[]): SlackBlock {
  return { type: "rich_text", elements: [part(elements)] };
}

function part(elements: RichElement[]): RichPart {
  return { type: "rich_text_section", elements: present(elements) };
}

/** Slack refuses an element without text. */
function present(elements: RichElement[]): RichElement[] {
  const kept = elements.filter((element) => element.text !== "");
  return kept.length === 0 ? [text(" ")] : kept;
}
