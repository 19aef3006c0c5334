// What both pages use. Everything that comes from a message is put in as text, never as markup.

/** An element with properties, and children that are elements or text. */
export function el(name, properties = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (value === undefined || value === false) continue;
    if (key === "class") element.className = value;
    else if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child != null && child !== false));
  return element;
}

export async function getJson(path) {
  const answer = await fetch(path);
  if (!answer.ok) throw new Error(`${path} answered ${answer.status}`);
  return await answer.json();
}

/** Calls back now and at each change, not more often than every 200 ms; says whether it is live. */
export function live(onChange) {
  const badge = document.querySelector(".live");
  let due = false;
  const soon = () => {
    if (due) return;
    due = true;
    setTimeout(async () => {
      due = false;
      await onChange().catch(() => undefined);
    }, 200);
  };
  const events = new EventSource("/_events");
  const show = (connected) => {
    badge.classList.toggle("lost", !connected);
    badge.textContent = connected ? "Live" : "Reconnecting";
  };
  events.addEventListener("open", () => {
    show(true);
    soon();
  });
  events.addEventListener("error", () => show(false));
  events.addEventListener("change", soon);
  onChange().catch(() => undefined);
}

export function timeOf(iso) {
  const date = new Date(iso);
  const today = date.toDateString() === new Date().toDateString();
  const clock = date.toLocaleTimeString([], {
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
  });
  const text = today
    ? clock
    : `${date.toLocaleDateString([], { day: "numeric", month: "short" })}, ${clock}`;
  return el("time", { datetime: iso, title: iso }, text);
}

/** A group of buttons of which one is pressed. */
export function choice(label, options, chosen, onChoose) {
  const buttons = options.map(([value, text]) =>
    el(
      "button",
      { type: "button", "aria-pressed": String(value === chosen), onclick: () => onChoose(value) },
      text,
    ),
  );
  return el("div", { class: "group", role: "group", "aria-label": label }, buttons);
}

export function pairs(entries) {
  return el(
    "div",
    { class: "box" },
    el(
      "dl",
      { class: "pairs" },
      entries.flatMap(([name, value]) => [el("dt", {}, name), el("dd", { class: "mono" }, value)]),
    ),
  );
}

/** JSON, indented and coloured; what is not JSON as it is. */
export function pretty(text) {
  let value;
  try {
    value = JSON.parse(text);
  } catch {
    return el("pre", { tabindex: "0" }, text);
  }
  const indented = JSON.stringify(value, null, 2);
  const pre = el("pre", { tabindex: "0" });
  const token =
    /("(?:\\.|[^"\\])*")(\s*:)?|\b(?:true|false|null)\b|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;
  let end = 0;
  for (const match of indented.matchAll(token)) {
    const [whole, string, colon] = match;
    const kind = colon ? "key" : string ? "string" : /^[tfn]/.test(whole) ? "word" : "number";
    pre.append(
      indented.slice(end, match.index),
      el("span", { class: kind }, string ?? whole),
      colon ?? "",
    );
    end = match.index + whole.length;
  }
  pre.append(indented.slice(end));
  return pre;
}

/** Tells what is chosen by the address' hash; up and down, or k and j, go through the list. */
export function chosenId() {
  return decodeURIComponent(location.hash.slice(1));
}

export function moveByKeys(list) {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const step = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1 }[event.key];
    const inPane = event.target instanceof Element && event.target.closest("pre, button");
    if (step === undefined || (inPane && event.key.startsWith("Arrow"))) return;
    const links = [...list.querySelectorAll("a")];
    const index = links.findIndex((link) => link.getAttribute("aria-current") === "true");
    const next = links[Math.max(0, Math.min(links.length - 1, index + step))];
    if (next === undefined) return;
    event.preventDefault();
    next.focus();
    next.click();
  });
}

/** What a screen reader is told; said once, when it is new. */
export function say(text) {
  document.querySelector("#said").textContent = text;
}

export async function clearAll() {
  await fetch("/_messages", { method: "DELETE" });
  location.hash = "";
}
