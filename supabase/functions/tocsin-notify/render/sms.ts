/**
 * A notification as one text message: 160 characters of the alphabet that phones send in one piece
 * (GSM 03.38). What is not in it is put into what is, as far as it has a like. Addresses in what a
 * run said are taken out: a phone would make them links. The run's own link follows if it fits
 * whole.
 */
import { oneLine } from "../../_shared/text.ts";
import type { Notification } from "../notification.ts";
import { firstLine, line, linkOf, type StoryOptions, tellStory } from "./story.ts";

export const smsMax = 160;

const basic = new Set(
  "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?" +
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà",
);
const likes: Record<string, string> = {
  "“": '"',
  "”": '"',
  "„": '"',
  "‘": "'",
  "’": "'",
  "`": "'",
  "–": "-",
  "—": "-",
  "…": "...",
  "•": "*",
  "·": "-",
  "→": "->",
  "€": "EUR",
  "[": "(",
  "]": ")",
  "{": "(",
  "}": ")",
  "|": "/",
  "\\": "/",
  "~": "-",
  "^": "",
  "\t": " ",
};

export function renderSms(notification: Notification, options: StoryOptions = {}): string {
  const { event } = notification;
  const story = tellStory(notification, options);
  const words = [opening(notification.purpose, notification.severity), story.title];
  const more: string[] = [];
  if (story.custom !== undefined) more.push(oneLine(story.custom));
  else if (event !== null) {
    const node = line(event.node, 30);
    const why = line(firstLine(event.message), 100) || line(event.error_type, 40);
    if (node !== "" && !story.title.includes(node)) more.push(`at ${node}`);
    if (why !== "" && !story.title.includes(why)) more.push(why);
  }
  const held = notification.held_back?.count ?? 0;
  if (notification.purpose !== "summary" && held > 0) more.push(`+${held} held back`);

  const link = linkOf(event?.run_url) ?? "";
  const text = toGsm(withoutAddresses([words.join(" "), ...more].join(", ")));
  if (link !== "" && isGsm(link)) {
    const room = smsMax - link.length - 1;
    const headline = toGsm(withoutAddresses(words.join(" ")));
    // the link is worth more than the message's end, but not than the headline
    if (headline.length <= room) return `${shorten(text, room)} ${link}`;
  }
  return shorten(text, smsMax);
}

function opening(purpose: Notification["purpose"], severity: string): string {
  if (purpose === "test") return "TEST:";
  if (purpose === "resolved") return "RESOLVED:";
  return severity === "high" ? "ALERT:" : `${severity.toUpperCase()}:`;
}

/** `https://…`, `www.…` and `name.tld/…` of what others said. */
function withoutAddresses(text: string): string {
  return text
    .replace(/\b[a-z][a-z0-9+.-]*:\/\/\S+/gi, "(link)")
    .replace(/\b(?:www\.)?(?:[a-z0-9-]+\.)+[a-z]{2,}(?::\d+)?\/\S*/gi, "(link)")
    .replace(/\bwww\.\S+/gi, "(link)");
}

export function toGsm(text: string): string {
  let result = "";
  for (const character of text) {
    if (basic.has(character)) result += character;
    else if (character in likes) result += likes[character] ?? "";
    else {
      const bare = character.normalize("NFKD").replace(/\p{M}/gu, "");
      result += bare !== "" && isGsm(bare) ? bare : "?";
    }
  }
  return result
    .replace(/\?{3,}/g, "??")
    .replace(/\s+/g, " ")
    .trim();
}

function isGsm(text: string): boolean {
  for (const character of text) if (!basic.has(character)) return false;
  return true;
}

function shorten(text: string, max: number): string {
  return text.length <= max ? text : `${text.slice(0, max - 3).trimEnd()}...`;
}
