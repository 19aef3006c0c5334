/**
 * The HTML of an email. Tables and inline styles, since that is what mail programs keep; the dark
 * colours are a media query over classes, and where that is dropped the light ones stand. No
 * images and nothing remote: it looks the same with everything blocked. Severity is a colour and
 * a word.
 */
import { type Html, markup, raw } from "./html.ts";
import type { Fact, ListedRun, Story } from "./story.ts";

interface Tone {
  bar: string;
  text: string;
  tint: string;
}

const light: Record<Story["tone"], Tone> = {
  high: { bar: "#c8321f", text: "#a3220f", tint: "#fcebe7" },
  medium: { bar: "#d08700", text: "#86500a", tint: "#fdf2da" },
  low: { bar: "#3473b7", text: "#235487", tint: "#e8f0f9" },
  test: { bar: "#3c8455", text: "#2a633d", tint: "#e7f3ea" },
  resolved: { bar: "#3c8455", text: "#2a633d", tint: "#e7f3ea" },
};

const dark: Record<Story["tone"], Tone> = {
  high: { bar: "#f0614d", text: "#ff9d8f", tint: "#3d1a15" },
  medium: { bar: "#e9a23b", text: "#fdc773", tint: "#382609" },
  low: { bar: "#6ba8e6", text: "#9fcbf8", tint: "#13293e" },
  test: { bar: "#63b37e", text: "#97d7ab", tint: "#142c1c" },
  resolved: { bar: "#63b37e", text: "#97d7ab", tint: "#142c1c" },
};

const sans = raw("-apple-system,BlinkMacSystemFont,'Segoe UI',Roboto,Helvetica,Arial,sans-serif");
const mono = raw(
  "ui-monospace,SFMono-Regular,'SF Mono',Menlo,Consolas,'Liberation Mono',monospace",
);

export function renderEmailHtml(story: Story): string {
  const tone = light[story.tone];
  return markup`<!doctype html>
<html lang="en" xmlns="http://www.w3.org/1999/xhtml">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="supported-color-schemes" content="light dark">
<meta name="format-detection" content="telephone=no,date=no,address=no,email=no">
<title>${story.subject}</title>
${styleSheet(dark[story.tone])}
</head>
<body class="page" style="margin:0;padding:0;background:#f3f1ec;-webkit-text-size-adjust:100%">
<div style="display:none;max-height:0;overflow:hidden;mso-hide:all">${story.preview}${hiddenPadding}</div>
<table role="presentation" class="page" width="100%" cellpadding="0" cellspacing="0" border="0" style="background:#f3f1ec">
<tr><td class="around" align="center" style="padding:32px 16px 40px">
<table role="presentation" class="inner" width="600" cellpadding="0" cellspacing="0" border="0" style="width:100%;max-width:600px">
<tr><td style="padding:0 4px 14px">${brandRow(story)}</td></tr>
<tr><td class="card" style="background:#ffffff;border:1px solid #e4e0d7;border-radius:12px;overflow:hidden">
<table role="presentation" width="100%" cellpadding="0" cellspacing="0" border="0">
<tr><td class="bar" height="6" style="height:6px;line-height:6px;font-size:0;background:${tone.bar};border-radius:11px 11px 0 0">&nbsp;</td></tr>
<tr><td class="cell" style="padding:28px 32px 32px;font-family:${sans}">
${heading(story, tone)}
${customText(story)}
${errorBlock(story, tone)}
${factsTable(story.facts)}
${button(story)}
</td></tr>
${moreSection(story)}
</table>
</td></tr>
<tr><td class="foot" style="padding:20px 8px 0;font:400 12px/1.6 ${sans};color:#6f6a60">${footer(story)}</td></tr>
</table>
</td></tr>
</table>
</body>
</html>
`.source;
}

/** Keeps a list of mails from showing what comes after the preview. */
const hiddenPadding = raw("&#847;&zwnj;&nbsp;".repeat(40));

function styleSheet(tone: Tone): Html {
  return raw(`<style>
:root{color-scheme:light dark;supported-color-schemes:light dark}
a{color:inherit}
@media (max-width:480px){
.around{padding:16px 10px 28px!important}
.cell{padding:22px 20px 24px!important}
.more{padding:18px 20px 22px!important}
.title{font-size:22px!important}
.label{width:84px!important}
.button,.button tbody,.button tr,.button td,.button a{display:block!important;text-align:center!important}
}
@media (prefers-color-scheme:dark){
.page{background:#131211!important}
.card{background:#1d1b19!important;border-color:#35322d!important}
.bar{background:${tone.bar}!important}
.pill{background:${tone.tint}!important;color:${tone.text}!important}
.title,.value,.run{color:#f1ede5!important}
.lead,.label,.note,.foot,.quiet,.kicker{color:#a8a195!important}
.brand{color:#d9a066!important}
.error{background:#131211!important;border-color:${tone.bar}!important}
.errortext{color:#f1ede5!important}
.errorlabel{color:${tone.text}!important}
.rule{border-color:#35322d!important}
.more{background:#191816!important;border-color:#35322d!important}
.message{color:#cfc8bb!important}
.button{background:#f1ede5!important}
.button a{color:#1c1a17!important}
}
</style>`);
}

function brandRow({ tone, kicker }: Story): Html {
  return markup`<table role="presentation" width="100%" cellpadding="0" cellspacing="0" border="0"><tr>
<td class="brand" style="font:700 13px/1 ${sans};letter-spacing:.14em;color:#8a5a1e">TOCSIN</td>
<td class="kicker" align="right" style="font:500 13px/1 ${sans};color:#6f6a60">${
    tone === "test" ? "Nothing failed" : kicker
  }</td>
</tr></table>`;
}

function heading({ tone: name, kicker, severity, title, lead }: Story, tone: Tone): Html {
  const word = name === "test" || name === "resolved" ? kicker : severity;
  return markup`<table role="presentation" cellpadding="0" cellspacing="0" border="0"><tr><td class="pill" style="background:${tone.tint};color:${tone.text};border-radius:99px;padding:5px 11px;font:600 12px/1.2 ${sans}">${word}</td></tr></table>
<h1 class="title" style="margin:14px 0 6px;font:700 26px/1.2 ${sans};letter-spacing:-.015em;color:#1c1a17;word-break:break-word">${title}</h1>
<p class="lead" style="margin:0;font:400 15px/1.5 ${sans};color:#6f6a60;word-break:break-word">${lead}</p>`;
}

/** The setting's own words: text, whose lines stay lines. */
function customText({ custom }: Story): Html | undefined {
  if (custom === undefined) return undefined;
  return markup`<div class="value" dir="auto" style="margin-top:18px;font:400 15px/1.6 ${sans};color:#1c1a17;white-space:pre-wrap;word-break:break-word;overflow-wrap:anywhere">${custom}</div>`;
}

function errorBlock({ error }: Story, tone: Tone): Html | undefined {
  if (error === undefined) return undefined;
  const text = markup`<div class="errortext" dir="auto" style="font:400 13px/1.6 ${mono};color:#1c1a17;white-space:pre-wrap;word-break:break-word;overflow-wrap:anywhere">${error.text}</div>`;
  return markup`<table role="presentation" width="100%" cellpadding="0" cellspacing="0" border="0" style="margin-top:22px"><tr>
<td class="error" style="background:#f7f5f1;border-left:3px solid ${tone.bar};border-radius:0 8px 8px 0;padding:14px 16px 15px">
<div class="errorlabel" style="margin-bottom:6px;font:600 12px/1.4 ${mono};color:${tone.text};word-break:break-word">${error.label}</div>
${text}
</td></tr></table>`;
}

function factsTable(facts: readonly Fact[]): Html | undefined {
  if (facts.length === 0) return undefined;
  return markup`<table role="presentation" width="100%" cellpadding="0" cellspacing="0" border="0" style="margin-top:20px">
${facts.map(factRow)}</table>`;
}

function factRow(fact: Fact, index: number): Html {
  const rule = index === 0 ? "" : "border-top:1px solid #eeebe4;";
  const font = fact.code ? markup`400 13px/1.5 ${mono}` : markup`400 14px/1.5 ${sans}`;
  return markup`<tr>
<td class="label rule" valign="top" width="104" style="${rule}width:104px;padding:8px 12px 8px 0;font:400 14px/1.5 ${sans};color:#6f6a60">${fact.label}</td>
<td class="value rule" valign="top" style="${rule}padding:8px 0;font:${font};color:#1c1a17;word-break:break-word;overflow-wrap:anywhere">${linked(
    fact.value,
    fact.href,
  )}${
    fact.note !== undefined &&
    markup`<div class="note" style="font:400 12px/1.5 ${mono};color:#6f6a60">${fact.note}</div>`
  }</td>
</tr>
`;
}

function linked(text: string, href: string | undefined): Html {
  return href === undefined
    ? markup`${text}`
    : markup`<a href="${href}" style="color:inherit;text-decoration:underline;text-underline-offset:2px">${text}</a>`;
}

function button({ action }: Story): Html | undefined {
  if (action === undefined) return undefined;
  return markup`<table role="presentation" cellpadding="0" cellspacing="0" border="0" class="button" style="margin-top:24px;background:#1c1a17;border-radius:8px"><tr>
<td><a href="${action.href}" style="display:inline-block;padding:12px 22px;font:600 15px/1.2 ${sans};color:#ffffff;text-decoration:none">${action.label}</a></td>
</tr></table>`;
}

function moreSection({ more }: Story): Html | undefined {
  if (more === undefined) return undefined;
  const hidden =
    more.hidden === ""
      ? undefined
      : markup`<p class="quiet" style="margin:12px 0 0;font:400 13px/1.5 ${sans};color:#6f6a60">${more.hidden}</p>`;
  const times =
    more.span === ""
      ? undefined
      : markup`<p class="quiet" style="margin:2px 0 0;font:400 13px/1.5 ${sans};color:#6f6a60">${more.span}</p>`;
  return markup`<tr><td class="more" style="background:#faf9f6;border-top:1px solid #eeebe4;border-radius:0 0 11px 11px;padding:22px 32px 26px;font-family:${sans}">
<h2 class="value" style="margin:0;font:600 15px/1.4 ${sans};color:#1c1a17">${more.heading}</h2>
${times}
<table role="presentation" width="100%" cellpadding="0" cellspacing="0" border="0" style="margin-top:8px">
${more.runs.map(runRow)}</table>
${hidden}
</td></tr>`;
}

function runRow(run: ListedRun): Html {
  const head = [run.run === "" ? undefined : linked(run.run, run.href), run.node || undefined]
    .filter((part) => part !== undefined)
    .map((part, index) => markup`${index > 0 && " · "}${part}`);
  return markup`<tr>
<td class="quiet" valign="top" width="84" style="width:84px;padding:7px 12px 7px 0;font:400 12px/1.6 ${mono};color:#6f6a60">${run.time}</td>
<td class="run" valign="top" style="padding:7px 0;font:400 12px/1.6 ${mono};color:#1c1a17;word-break:break-word;overflow-wrap:anywhere">${head}${
    run.message !== "" &&
    markup`<div class="message" dir="auto" style="font:400 13px/1.5 ${sans};color:#4a463f">${run.message}</div>`
  }</td>
</tr>
`;
}

function footer(story: Story): Html {
  const dashboard =
    story.dashboard === undefined
      ? undefined
      : markup`<br>${linked("Open the dashboard", story.dashboard)}`;
  return markup`${story.reason}${story.pace !== "" && markup`<br>${story.pace}`}${dashboard}
<br>Sent by Tocsin, from your own Supabase project. Notification ${story.reference}`;
}
