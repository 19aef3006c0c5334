/**
 * The function's environment, read when it is asked for and never at import, so that a missing
 * secret is an answer with a hint and not a function that does not start.
 */
import { z } from "zod";

export interface Env {
  get(name: string): string | undefined;
}

/** A secret that is missing or cannot be used; `hint` names the next step. */
export class ConfigurationError extends Error {
  override readonly name = "ConfigurationError";
  readonly code: string;
  readonly hint: string;

  constructor(code: string, message: string, hint: string) {
    super(message);
    this.code = code;
    this.hint = hint;
  }
}

export interface SupabaseSettings {
  url: string;
  secretKey: string;
}

/** What is needed to call the Data API in a user's name: nothing that opens more than they may. */
export interface PublicSettings {
  url: string;
  publishableKey: string;
}

const keyMap = z.record(z.string(), z.string().min(1));

/** An environment variable without surrounding blanks; empty counts as not set. */
export function readText(env: Env, name: string): string | undefined {
  const value = env.get(name)?.trim();
  return value === "" ? undefined : value;
}

/** An http(s) address from the environment without its last slash; anything else is not set. */
export function readUrl(env: Env, name: string): string | undefined {
  const value = readText(env, name);
  if (value === undefined || !URL.canParse(value)) return undefined;
  return /^https?:$/.test(new URL(value).protocol) ? value.replace(/\/+$/, "") : undefined;
}

/**
 * Where the Data API is and the key that opens it. The platform sets both; projects made before
 * the secret keys have the legacy service role key only.
 */
export function readSupabaseSettings(env: Env): SupabaseSettings {
  const url = readSupabaseUrl(env);
  const secretKey = readKey(env, "SUPABASE_SECRET_KEYS", "SUPABASE_SERVICE_ROLE_KEY");
  if (secretKey === undefined) {
    throw new ConfigurationError(
      "missing_secret_key",
      "Neither SUPABASE_SECRET_KEYS nor SUPABASE_SERVICE_ROLE_KEY holds a key.",
      "The platform sets them. Create a secret key in the project's API keys, then deploy again.",
    );
  }
  return { url, secretKey };
}

/** Where the Data API is and the key that anybody may know. */
export function readPublicSettings(env: Env): PublicSettings {
  const url = readSupabaseUrl(env);
  const publishableKey = readKey(env, "SUPABASE_PUBLISHABLE_KEYS", "SUPABASE_ANON_KEY");
  if (publishableKey === undefined) {
    throw new ConfigurationError(
      "missing_publishable_key",
      "Neither SUPABASE_PUBLISHABLE_KEYS nor SUPABASE_ANON_KEY holds a key.",
      "The platform sets them. Create a publishable key in the project's API keys, then deploy again.",
    );
  }
  return { url, publishableKey };
}

function readSupabaseUrl(env: Env): string {
  const url = readUrl(env, "SUPABASE_URL");
  if (url !== undefined) return url;
  throw new ConfigurationError(
    "missing_supabase_url",
    "SUPABASE_URL is not set or is not an http(s) address.",
    "The platform sets it. Where you run the function yourself, set it to your project's API URL.",
  );
}

/** Every secret key that the project has: whoever sends one of them speaks for the project. */
export function readSecretKeys(env: Env): string[] {
  const legacy = readText(env, "SUPABASE_SERVICE_ROLE_KEY");
  const keys = Object.values(readKeys(env, "SUPABASE_SECRET_KEYS"));
  return legacy === undefined ? keys : [...keys, legacy];
}

/** A key of a JSON map of keys, `default` if it is there; else the legacy key. */
function readKey(env: Env, mapName: string, legacyName: string): string | undefined {
  const keys = readKeys(env, mapName);
  return keys["default"] ?? Object.values(keys)[0] ?? readText(env, legacyName);
}

function readKeys(env: Env, mapName: string): Record<string, string> {
  const map = readText(env, mapName);
  return map === undefined ? {} : (keyMap.safeParse(parseJson(map)).data ?? {});
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
