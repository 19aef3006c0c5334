// The inbox page: the emails that Resend was asked to send, newest first, and the one that is chosen.

import {
  chosenId,
  choice,
  clearAll,
  el,
  getJson,
  live,
  moveByKeys,
  pairs,
  say,
  timeOf,
} from "./common.js";

const list = document.querySelector("#list");
const detail = document.querySelector("#detail");
const view = { part: "html", scheme: "auto", width: "desktop" };
const tones = { high: "bad", medium: "warn", low: "info" };
let messages = [];
let shown;

function tagOf(message, name) {
  return message.tags.find((tag) => tag.name === name)?.value;
}

function chips(message) {
  const severity = tagOf(message, "tocsin_severity");
  const purpose = tagOf(message, "tocsin_purpose");
  const others = message.tags.filter((tag) => !tag.name.startsWith("tocsin_"));
  return el(
    "p",
    { class: "chips" },
    severity &&
      purpose !== "test" &&
      el("span", { class: `chip ${tones[severity] ?? ""}` }, `${severity} severity`),
    purpose && purpose !== "first" && el("span", { class: "chip" }, purpose),
    others.map((tag) => el("span", { class: "chip" }, `${tag.name}: ${tag.value}`)),
    message.repeat_count > 0 &&
      el("span", { class: "chip" }, `asked again ${message.repeat_count} ×`),
  );
}

function row(message) {
  return el(
    "li",
    {},
    el(
      "a",
      { href: `#${message.id}`, "aria-current": String(message.id === chosenId()) },
      el(
        "p",
        { class: "line" },
        el("span", { class: "quiet" }, message.to.join(", ")),
        timeOf(message.received_at),
      ),
      el("p", { class: "subject" }, message.subject),
      chips(message),
    ),
  );
}

function renderList() {
  document.querySelector("#count").textContent =
    messages.length === 0 ? "" : String(messages.length);
  const focused = document.activeElement?.closest("#list a")?.getAttribute("href");
  list.replaceChildren(...messages.map(row));
  if (focused) list.querySelector(`a[href="${CSS.escape(focused).replace("\\#", "#")}"]`)?.focus();
}

function empty(title, ...text) {
  return el("div", { class: "empty" }, el("h2", {}, title), el("p", {}, ...text));
}

function renderEmpty() {
  shown = undefined;
  document.body.classList.remove("open");
  detail.replaceChildren(
    messages.length === 0
      ? empty(
          "No email yet",
          "When a run fails and an alert setting sends to an email channel, the alert lands here.",
        )
      : empty("Choose an email", "Up and down, or j and k, go through the list."),
  );
}

function fact(name, value) {
  return value ? [el("dt", {}, name), el("dd", {}, value)] : [];
}

function part(message) {
  if (view.part === "text") return el("pre", { class: "text", tabindex: "0" }, message.text);
  if (view.part === "headers") {
    const request = [
      ["Resend id", message.id],
      ["Idempotency-Key", message.idempotency_key ?? "none"],
      ["Asked again", `${message.repeat_count} ×`],
    ];
    return el(
      "div",
      {},
      el("div", { class: "section" }, el("h3", {}, "The request to Resend"), pairs(request)),
      el(
        "div",
        { class: "section" },
        el("h3", {}, "Headers of the email"),
        pairs(Object.entries(message.headers)),
      ),
      el(
        "div",
        { class: "section" },
        el("h3", {}, "Tags"),
        pairs(message.tags.map((tag) => [tag.name, tag.value])),
      ),
    );
  }
  const frame = el("iframe", {
    src: `/_messages/${message.id}/html?scheme=${view.scheme}`,
    title: `The email: ${message.subject}`,
    sandbox: "allow-popups allow-popups-to-escape-sandbox",
  });
  return el("div", { class: `stage ${view.width}` }, frame);
}

function renderDetail(message) {
  const set = (name) => (value) => {
    view[name] = value;
    renderDetail(message);
    detail.querySelector(`[aria-pressed="true"]`)?.focus();
  };
  const parts = [
    ["html", "HTML"],
    ["text", "Text"],
    ["headers", "Headers"],
  ];
  const schemes = [
    ["auto", "Auto"],
    ["light", "Light"],
    ["dark", "Dark"],
  ];
  const widths = [
    ["desktop", "Desktop"],
    ["phone", "Phone"],
  ];
  detail.replaceChildren(
    el(
      "header",
      { class: "head" },
      el(
        "button",
        { class: "back", type: "button", onclick: () => (location.hash = "") },
        "Back to the list",
      ),
      el("h2", {}, message.subject),
      el(
        "dl",
        { class: "facts" },
        fact("From", message.from),
        fact("To", message.to.join(", ")),
        fact("Cc", message.cc.join(", ")),
        fact("Bcc", message.bcc.join(", ")),
        fact("At", timeOf(message.received_at)),
      ),
      el(
        "div",
        { class: "tools" },
        choice("Show", parts, view.part, set("part")),
        view.part === "html" && choice("Colours", schemes, view.scheme, set("scheme")),
        view.part === "html" && choice("Width", widths, view.width, set("width")),
      ),
    ),
    part(message),
  );
}

async function showChosen() {
  const id = chosenId();
  for (const link of list.querySelectorAll("a")) {
    link.setAttribute("aria-current", String(link.getAttribute("href") === `#${id}`));
  }
  if (id === "") return renderEmpty();
  document.body.classList.add("open");
  if (shown === id) return;
  try {
    const message = await getJson(`/_messages/${id}`);
    if (id !== chosenId()) return;
    shown = id;
    renderDetail(message);
  } catch {
    location.hash = "";
  }
}

async function refresh() {
  const before = new Set(messages.map((message) => message.id));
  const first = messages.length === 0;
  ({ messages } = await getJson("/_list"));
  renderList();
  const fresh = messages.filter((message) => !before.has(message.id));
  if (!first && fresh.length > 0) say(`New: ${fresh[0].subject}`);
  const wide = matchMedia("(min-width: 761px)").matches;
  if (chosenId() === "" && wide && messages.length > 0) location.replace(`#${messages[0].id}`);
  await showChosen();
}

addEventListener("hashchange", showChosen);
document.querySelector("#clear").addEventListener("click", clearAll);
moveByKeys(list);
renderEmpty();
live(refresh);
