// The user's Supabase project: the folder with supabase/config.toml, here or above.

import { existsSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { parse } from "smol-toml";
import { CliError, messageOf } from "./errors.ts";

export type Project = {
  /** The folder that has supabase/ in it. */
  root: string;
  /** Its folder supabase/. */
  folder: string;
  /** supabase/config.toml, as it is written. */
  configText: string;
  config: Config;
};

/** What matters here of config.toml; every part may be missing, or be something else. */
export type Config = { [key: string]: unknown };

export function findProject(from: string): Project {
  let root = resolve(from);
  while (!existsSync(join(root, "supabase/config.toml"))) {
    const above = dirname(root);
    if (above === root) {
      throw new CliError(
        `There is no Supabase project here: no supabase/config.toml in ${resolve(from)} or above it.`,
        "Change to your project's folder, or begin one there: supabase init",
      );
    }
    root = above;
  }
  const folder = join(root, "supabase");
  const configText = readFileSync(join(folder, "config.toml"), "utf8");
  return { root, folder, configText, config: parseConfig(configText) };
}

export function parseConfig(text: string): Config {
  try {
    return parse(text.replace(/^\uFEFF/, ""));
  } catch (error) {
    throw new CliError(
      `supabase/config.toml cannot be read: ${messageOf(error).trim()}`,
      "Mend it first; nothing was changed.",
    );
  }
}

/** A value deep in config.toml: at(config, "api", "schemas"). */
export function at(config: unknown, ...path: string[]): unknown {
  return path.reduce<unknown>(
    (value, key) =>
      typeof value === "object" && value !== null ? (value as Config)[key] : undefined,
    config,
  );
}

/** The ref of the project that `supabase link` has linked; undefined: none. */
export function linkedRef(project: Project): string | undefined {
  const file = join(project.folder, ".temp/project-ref");
  const ref = existsSync(file) ? readFileSync(file, "utf8").trim() : "";
  return /^[a-z]{20}$/.test(ref) ? ref : undefined;
}

/** Where `supabase start` has put a part: its port in config.toml, or the usual one. */
export function localPort(project: Project, part: "api" | "db"): number {
  const port = at(project.config, part, "port");
  return typeof port === "number" ? port : part === "api" ? 54321 : 54322;
}
