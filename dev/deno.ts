// Runs Deno, which is what Edge Functions run on, for the local stack, the tests and the checks.

import { spawn } from "node:child_process";
import { globSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { localDir, repository } from "./paths.ts";

export const functionsDir = join(repository, "supabase/functions");
export const denoBinary = join(repository, "node_modules/.bin/deno");

/**
 * Deno's own settings: the user's, about certificates and proxies, say; and its packages lie in
 * .local/, so that any user on any machine can write them.
 */
export function denoEnv(): Record<string, string> {
  const passed = Object.entries(process.env).filter(([name]) =>
    /^(PATH|HOME|LANG|TMPDIR|DENO_.*|NODE_EXTRA_CA_CERTS|NPM_CONFIG_.*|SSL_.*|(https?|no|all)_proxy)$/i.test(
      name,
    ),
  );
  return {
    HOME: localDir,
    DENO_DIR: join(localDir, "deno"),
    DENO_NO_UPDATE_CHECK: "1",
    // As npm does: also the certificates that the machine trusts, a company proxy's for one.
    DENO_TLS_CA_STORE: "mozilla,system",
    NO_COLOR: "1",
    ...(Object.fromEntries(passed) as Record<string, string>),
  };
}

/** The functions: each directory with an index.ts and a deno.json of its own; not _shared. */
export function functionNames(directory = functionsDir): string[] {
  return globSync("*/index.ts", { cwd: directory })
    .map((file) => basename(dirname(file)))
    .filter((name) => !name.startsWith("_"))
    .sort();
}

/** Downloads what a function imports, as its lock file says; quick when that is here already. */
export async function cacheFunction(name: string, directory = functionsDir): Promise<void> {
  const cwd = join(directory, name);
  const { code, output } = await runDeno(["cache", "--quiet", "index.ts"], cwd);
  if (code === 0) return;
  throw new Error(
    `The packages of the function ${name} could not be fetched:\n${output.trim()}\n` +
      `Is the network there? If its deno.json has changed: cd ${cwd} && deno cache --frozen=false index.ts`,
  );
}

export async function runDeno(
  args: string[],
  cwd: string,
): Promise<{ code: number; output: string }> {
  const child = spawn(denoBinary, args, { cwd, env: denoEnv(), stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const code = await new Promise<number | null>((done, fail) => {
    child.once("error", fail);
    child.once("close", done);
  });
  return { code: code ?? 1, output };
}
