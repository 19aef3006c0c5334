// Runs the real Supabase CLI against a database, as a user of Tocsin does.

import { spawn } from "node:child_process";
import { join } from "node:path";
import { localDir, repository } from "./paths.ts";

export const supabaseBinary = join(repository, "node_modules/.bin/supabase");

/** Runs a command of the CLI in a project's directory; answers with its exit code and output. */
export async function runSupabase(
  args: string[],
  directory = repository,
): Promise<{ code: number; output: string }> {
  const child = spawn(supabaseBinary, args, {
    cwd: directory,
    env: {
      HOME: localDir,
      ...process.env,
      // The CLI is a Node.js program: it is to run on the one that runs us.
      PATH: `${join(process.execPath, "..")}:${process.env["PATH"] ?? ""}`,
      NO_COLOR: "1",
      DO_NOT_TRACK: "1",
      SUPABASE_TELEMETRY_DISABLED: "1",
      // A server on this machine has no certificate; without this the CLI warns of it.
      ...(args.some((arg) => arg.includes("@127.0.0.1:")) ? { PGSSLMODE: "disable" } : {}),
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const code = await new Promise<number | null>((done, fail) => {
    child.once("error", fail);
    child.once("close", done);
  });
  return { code: code ?? 1, output };
}

/** Pushes supabase/migrations; answers how many were new. */
export async function pushMigrations(url: string, directory?: string): Promise<number> {
  const { code, output } = await runSupabase(["db", "push", `--remote=${url}`, "--yes"], directory);
  if (code !== 0) throw new Error(`supabase db push failed:\n${output.trim()}`);
  return output.match(/^Applying migration /gm)?.length ?? 0;
}
