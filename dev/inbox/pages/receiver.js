// The receiver page: webhooks, newest first; the attempts under one webhook-id are one entry.

import {
  chosenId,
  clearAll,
  el,
  getJson,
  live,
  moveByKeys,
  pairs,
  pretty,
  say,
  timeOf,
} from "./common.js";

const list = document.querySelector("#list");
const detail = document.querySelector("#detail");
let groups = [];
let shown = "";

/** Entries of one webhook-id together, where its newest is; each group newest first. */
function group(messages) {
  const byId = new Map();
  for (const message of messages) {
    const key = message.webhook_id ?? message.id;
    byId.set(key, [...(byId.get(key) ?? []), message]);
  }
  return [...byId].map(([key, attempts]) => ({ key, attempts, newest: attempts[0] }));
}

function parse(body) {
  try {
    return JSON.parse(body) ?? {};
  } catch {
    return {};
  }
}

function titleOf(message) {
  const { data } = parse(message.body);
  const name = data?.workflow_name || data?.workflow_id;
  const reason = data?.event?.message?.split("\n", 1)[0];
  return [name, reason].filter(Boolean).join(": ") || "A message";
}

function verdict(message) {
  return message.verified
    ? el("span", { class: "chip good" }, "✓ Verified")
    : el("span", { class: "chip bad" }, `✗ ${message.reason}`);
}

function answered(message) {
  const tone = message.answered < 300 ? "" : "warn";
  return el("span", { class: `chip ${tone}` }, `answered ${message.answered}`);
}

function row({ key, attempts, newest }) {
  const type = parse(newest.body).type;
  return el(
    "li",
    {},
    el(
      "a",
      { href: `#${encodeURIComponent(key)}`, "aria-current": String(key === chosenId()) },
      el(
        "p",
        { class: "line" },
        el("span", { class: "quiet" }, `/hooks/${newest.hook}${type ? ` · ${type}` : ""}`),
        timeOf(newest.received_at),
      ),
      el("p", { class: "subject" }, titleOf(newest)),
      el(
        "p",
        { class: "chips" },
        verdict(newest),
        attempts.length > 1 && el("span", { class: "chip" }, `${attempts.length} attempts`),
        newest.answered >= 300 && answered(newest),
      ),
    ),
  );
}

function renderList() {
  document.querySelector("#count").textContent = groups.length === 0 ? "" : String(groups.length);
  const focused = document.activeElement?.closest("#list a")?.getAttribute("href");
  list.replaceChildren(...groups.map(row));
  for (const link of list.querySelectorAll("a")) {
    if (focused && link.getAttribute("href") === focused) link.focus();
  }
}

function renderEmpty() {
  shown = "";
  document.body.classList.remove("open");
  const none = groups.length === 0;
  detail.replaceChildren(
    el(
      "div",
      { class: "empty" },
      el("h2", {}, none ? "No webhook yet" : "Choose a webhook"),
      none
        ? el(
            "p",
            {},
            "Point a webhook channel at ",
            el("code", {}, `${location.origin}/hooks/demo`),
            " and its alerts land here, their signatures checked.",
          )
        : el("p", {}, "Up and down, or j and k, go through the list."),
    ),
  );
}

function attemptRow(message) {
  return el(
    "li",
    {},
    el("span", {}, `Attempt ${message.attempt}`),
    el("span", { class: "chips" }, verdict(message), answered(message)),
    timeOf(message.received_at),
  );
}

function section(title, ...content) {
  return el("div", { class: "section" }, el("h3", {}, title), ...content);
}

function renderDetail({ attempts, newest }) {
  detail.replaceChildren(
    el(
      "header",
      { class: "head" },
      el(
        "button",
        { class: "back", type: "button", onclick: () => (location.hash = "") },
        "Back to the list",
      ),
      el("h2", {}, titleOf(newest)),
      el(
        "dl",
        { class: "facts" },
        el("dt", {}, "To"),
        el("dd", { class: "mono" }, `POST /hooks/${newest.hook}`),
        el("dt", {}, "Id"),
        el("dd", { class: "mono" }, newest.webhook_id ?? "none"),
      ),
    ),
    section(
      attempts.length > 1 ? "Attempts, newest first" : "Attempt",
      el("div", { class: "box" }, el("ol", { class: "attempts" }, attempts.map(attemptRow))),
    ),
    section("Body", el("div", { class: "box" }, pretty(newest.body))),
    section("Headers of the newest attempt", pairs(Object.entries(newest.headers))),
  );
}

function showChosen() {
  const id = chosenId();
  for (const link of list.querySelectorAll("a")) {
    link.setAttribute(
      "aria-current",
      String(link.getAttribute("href") === `#${encodeURIComponent(id)}`),
    );
  }
  const chosen = groups.find((entry) => entry.key === id);
  if (chosen === undefined) return renderEmpty();
  document.body.classList.add("open");
  const state = `${id} ${chosen.attempts.length}`;
  if (state === shown) return;
  shown = state;
  renderDetail(chosen);
}

async function refresh() {
  const before = new Set(groups.flatMap((entry) => entry.attempts.map((attempt) => attempt.id)));
  const first = groups.length === 0;
  const { messages } = await getJson("/_messages");
  groups = group(messages);
  renderList();
  const fresh = messages.find((message) => !before.has(message.id));
  if (!first && fresh) {
    say(`New, ${fresh.verified ? "verified" : "not verified"}: ${titleOf(fresh)}`);
  }
  const wide = matchMedia("(min-width: 761px)").matches;
  if (chosenId() === "" && wide && groups.length > 0) {
    location.replace(`#${encodeURIComponent(groups[0].key)}`);
  }
  showChosen();
}

addEventListener("hashchange", showChosen);
document.querySelector("#clear").addEventListener("click", clearAll);
moveByKeys(list);
renderEmpty();
live(refresh);
