// What the running stack writes down about itself, for the commands beside it.

import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { localDir } from "./paths.ts";

const stateFile = join(localDir, "stack.json");

const schema = z.object({ pid: z.number(), databaseUrl: z.string() });
export type StackState = z.infer<typeof schema>;

/** The stack that runs in this repository now, if one does. */
export function runningStack(): StackState | undefined {
  if (!existsSync(stateFile)) return undefined;
  const state = schema.safeParse(JSON.parse(readFileSync(stateFile, "utf8")));
  return state.success && isAlive(state.data.pid) ? state.data : undefined;
}

export function writeStackState(state: StackState): void {
  mkdirSync(localDir, { recursive: true });
  writeFileSync(stateFile, `${JSON.stringify(state, null, 2)}\n`, { mode: 0o600 });
}

export function removeStackState(): void {
  rmSync(stateFile, { force: true });
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
