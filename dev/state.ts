// What the running stack writes down about itself: so that there is only one in a clone, and for
// the commands beside it.

import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { localDir } from "./paths.ts";

const stateFile = join(localDir, "stack.json");

const schema = z.object({
  pid: z.number(),
  /** Set when it is ready. */
  databaseUrl: z.string().optional(),
  apiUrl: z.string().optional(),
});
export type StackState = z.infer<typeof schema>;

/** The stack that runs in this clone now, or is just starting, if there is one. */
export function runningStack(): StackState | undefined {
  try {
    const state = schema.parse(JSON.parse(readFileSync(stateFile, "utf8")));
    return isAlive(state.pid) ? state : undefined;
  } catch {
    return undefined; // no file, or half of one after a crash
  }
}

/** Takes this clone for our stack, or says who has it. */
export function claimStack(): void {
  const other = runningStack();
  if (other && other.pid !== process.pid) {
    throw new Error(
      `The stack of this clone runs already (process ${other.pid}` +
        `${other.apiUrl ? `, ${other.apiUrl}` : ""}).\n` +
        "Stop it with Ctrl-C where it runs, then try again.",
    );
  }
  writeStackState({ pid: process.pid });
}

export function writeStackState(state: StackState): void {
  mkdirSync(localDir, { recursive: true });
  writeFileSync(stateFile, `${JSON.stringify(state, null, 2)}\n`, { mode: 0o600 });
}

export function releaseStack(): void {
  if (runningStack()?.pid === process.pid) rmSync(stateFile, { force: true });
}

/** Whether a process of this machine is there. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
