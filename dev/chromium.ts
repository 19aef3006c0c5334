// Finds a Chromium for the browser tests and the screenshots: one that is installed, else the one
// that an npm package ships (Linux on x64), with the libraries that a bare machine lacks.

import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { chromium, type Browser } from "playwright-core";

const names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
const elsewhere = [
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
  "/Applications/Chromium.app/Contents/MacOS/Chromium",
];
// A browser of ours talks to this machine alone.
const quiet = [
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-gpu",
  "--disable-sync",
  "--no-first-run",
  "--no-sandbox",
];

/** Starts a headless Chromium; TOCSIN_CHROMIUM names one where none is found. */
export async function launchChromium(): Promise<Browser> {
  const { path, args } = installed() ?? (await shipped());
  return await chromium.launch({ executablePath: path, args: [...args, ...quiet], headless: true });
}

function installed(): { path: string; args: string[] } | undefined {
  const chosen = process.env["TOCSIN_CHROMIUM"];
  if (chosen) return { path: chosen, args: [] };
  const folders = (process.env["PATH"] ?? "").split(delimiter);
  const path = [
    ...folders.flatMap((dir) => names.map((name) => join(dir, name))),
    ...elsewhere,
  ].find(existsSync);
  return path === undefined ? undefined : { path, args: [] };
}

async function shipped(): Promise<{ path: string; args: string[] }> {
  if (process.platform !== "linux" || process.arch !== "x64") {
    throw new Error(
      "There is no Chromium or Chrome here. Install one, or name it in TOCSIN_CHROMIUM.",
    );
  }
  // The package brings its libraries along only where it thinks that it runs on Lambda.
  process.env["AWS_EXECUTION_ENV"] ??= "AWS_Lambda_nodejs22.x";
  const { default: packed } = await import("@sparticuz/chromium");
  return { path: await packed.executablePath(), args: packed.args };
}
