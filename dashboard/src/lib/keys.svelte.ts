// The keyboard: g and a letter goes somewhere, / filters, ? helps, j and k walk through rows.

import { goto } from "$app/navigation";
import { places } from "./places.ts";
import { to } from "./url.svelte.ts";

class Keys {
  isHelpOpen = $state(false);
  /** g was pressed: the next letter says where to. */
  isGoing = $state(false);
  #timer: ReturnType<typeof setTimeout> | undefined;

  readonly press = (event: KeyboardEvent): void => {
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    if (this.isGoing) {
      this.#stopGoing();
      const place = places.find(({ key }) => key === event.key);
      if (place) {
        event.preventDefault();
        void goto(to(place.path));
      }
      return;
    }
    if (document.querySelector('[role="dialog"]') && event.key !== "?") return;
    this.#do(event);
  };

  #do(event: KeyboardEvent): void {
    switch (event.key) {
      case "g":
        this.isGoing = true;
        this.#timer = setTimeout(() => this.#stopGoing(), 1_500);
        break;
      case "?":
        this.isHelpOpen = !this.isHelpOpen;
        break;
      case "/": {
        const filter = document.querySelector<HTMLInputElement>("[data-filter]");
        if (!filter) return;
        event.preventDefault();
        filter.focus();
        filter.select();
        break;
      }
      case "j":
        walk(1);
        break;
      case "k":
        walk(-1);
    }
  }

  #stopGoing(): void {
    clearTimeout(this.#timer);
    this.isGoing = false;
  }
}

export const keys = new Keys();

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.closest("input, textarea, select") !== null;
}

/** From the row that has the focus to the next; with none, to the first that is in view. */
function walk(step: number): void {
  const rows = [...document.querySelectorAll<HTMLElement>("[data-row]")];
  const here = rows.findIndex((row) => row === document.activeElement);
  const first = rows.findIndex((row) => row.getBoundingClientRect().top >= 0);
  const next = rows[here === -1 ? Math.max(first, 0) : here + step];
  next?.focus();
  next?.scrollIntoView({ block: "nearest" });
}
