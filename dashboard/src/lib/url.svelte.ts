// What is chosen on a page stands in its address, so that it can be sent to somebody: the range, the
// project, filters, sorting. Range and project are the same on every page and go along with links.

import { goto } from "$app/navigation";
import { resolve } from "$app/paths";
import { page } from "$app/state";
import { parseRange, usualRange } from "./range.ts";

const shared = ["range", "project"];

class Url {
  get range(): string {
    return parseRange(page.url.searchParams.get("range"));
  }

  /** Null: all that one may see. */
  get project(): string | null {
    return page.url.searchParams.get("project");
  }

  get(name: string): string {
    return page.url.searchParams.get(name) ?? "";
  }

  /** Changes some of the address and keeps the rest; empty ones are left out. */
  set(changes: Record<string, string | null>, options: { replace?: boolean } = {}): void {
    const url = new URL(page.url.href);
    for (const [name, value] of Object.entries(changes)) {
      const isUsual = name === "range" && value === usualRange;
      if (!value || isUsual) url.searchParams.delete(name);
      else url.searchParams.set(name, value);
    }
    if (url.href === page.url.href) return;
    void goto(url, { replace: options.replace ?? false, reset: false });
  }
}

export const url = new Url();

/** The address of a page, with the range and the project that are chosen now. */
export function to(path: string, own: Record<string, string | null> = {}): string {
  const params: Record<string, string | null> = {};
  for (const name of shared) params[name] = page.url.searchParams.get(name);
  const given = Object.entries({ ...params, ...own }).filter(([, value]) => value);
  const search = given
    .map(([name, value]) => `${name}=${encodeURIComponent(value ?? "")}`)
    .join("&");
  const base = resolve("/").replace(/\/$/, "");
  return `${base}${path}${search ? `?${search}` : ""}`;
}

/** Whether the page under this path is shown, or one below it. */
export function isAt(path: string): boolean {
  const base = resolve("/").replace(/\/$/, "");
  const here = page.url.pathname.slice(base.length).replace(/\/$/, "") || "/";
  return here === path || (path !== "/" && here.startsWith(`${path}/`));
}
