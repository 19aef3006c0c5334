// Sees to it that a process of ours never outlives us, however we end: a small guard waits for our
// end of a pipe to close, which even `kill -9` does, and then stops the process.

import { spawn, type ChildProcess } from "node:child_process";
import { Socket } from "node:net";

export type Guard = {
  /** Sends the guard away; to be called when the process has ended by itself. */
  dismiss: () => void;
};

const script = `
  read -r order
  kill -s "$2" "$1" 2>/dev/null
  if [ -n "$3" ]; then
    n=0
    while kill -0 "$1" 2>/dev/null && [ $n -lt 100 ]; do sleep 0.1; n=$((n + 1)); done
    rm -rf -- "$3"
  fi`;

/** Guards a process that has been started; `temporary` is a directory to remove after its end. */
export function guard(child: ChildProcess, signal: "INT" | "TERM", temporary?: string): Guard {
  const watcher = spawn(
    "sh",
    ["-c", script, "guard", String(child.pid), signal, temporary ?? ""],
    // A session of its own: Ctrl-C in the terminal is for us, who stop things in order.
    { detached: true, stdio: ["pipe", "ignore", "ignore"], cwd: "/" },
  );
  // None of them may keep us alive when we have nothing more to do.
  child.unref();
  watcher.unref();
  if (watcher.stdin instanceof Socket) watcher.stdin.unref();
  return { dismiss: () => watcher.kill("SIGKILL") };
}
