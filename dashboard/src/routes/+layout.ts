// Before anything is shown: which project, who is signed in, and the typeface, so that no text
// moves when it comes.

import { ConfigError, loadConfig } from "#lib/config.ts";
import { session } from "#lib/session.svelte.ts";
import "../app.css";

export const ssr = false;
export const prerender = false;

export async function load(): Promise<{ problem: string | undefined }> {
  const patience = new Promise((done) => setTimeout(done, 400));
  const faces = Promise.all(["400 14px 'Inter Variable'"].map((face) => document.fonts.load(face)));
  const typeface = Promise.race([patience, faces.catch(() => undefined)]);
  try {
    await Promise.all([loadConfig().then((config) => session.begin(config)), typeface]);
    return { problem: undefined };
  } catch (error) {
    if (error instanceof ConfigError) return { problem: error.message };
    throw error;
  }
}
