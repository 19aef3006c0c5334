// Which project the dashboard reads. It is asked for when the page is opened (config.json beside
// index.html), so that one build serves any project; built-in values serve hosts that cannot have
// that file.

import { resolve } from "$app/paths";
import * as z from "zod/mini";

// No functions made of text: the page's policy forbids it, and says so in the console.
z.config({ jitless: true });

const schema = z.object({
  supabaseUrl: z.url(),
  publishableKey: z.string().check(z.minLength(1)),
  /** False where there is no Realtime: the dashboard then asks by itself. */
  realtime: z._default(z.boolean(), true),
  /** Of a demo: shown on the page that asks who you are. */
  demo: z.optional(z.object({ email: z.string(), password: z.string() })),
});
export type Config = z.infer<typeof schema>;

export class ConfigError extends Error {}

export async function loadConfig(): Promise<Config> {
  const found = await readFile();
  const env = import.meta.env;
  const given = found ?? {
    supabaseUrl: env.VITE_TOCSIN_SUPABASE_URL,
    publishableKey: env.VITE_TOCSIN_PUBLISHABLE_KEY,
  };
  const parsed = schema.safeParse(given);
  if (parsed.success) return parsed.data;
  throw new ConfigError(
    found ? "config.json does not name a project." : "There is no config.json beside index.html.",
  );
}

async function readFile(): Promise<unknown> {
  const response = await fetch(`${resolve("/").replace(/\/$/, "")}/config.json`, {
    cache: "no-cache",
  });
  // A static host answers every address with index.html.
  const isJson = response.headers.get("content-type")?.includes("json") ?? false;
  return response.ok && isJson ? ((await response.json()) as unknown) : undefined;
}
