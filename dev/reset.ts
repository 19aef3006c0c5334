// npm run reset: forgets the local stack's data, so that the next start makes it anew. With --all
// also what was downloaded or copied for it (not node_modules).

import { rmSync } from "node:fs";
import { join } from "node:path";
import { localDir, serverHome } from "./paths.ts";
import { runningStack } from "./state.ts";

const running = runningStack();
if (running) {
  console.error(`The stack is running (process ${running.pid}). Stop it first, with Ctrl-C there.`);
  process.exit(1);
}
const all = process.argv.includes("--all");
const data = [
  "data",
  "data.json",
  "data.log",
  "logs",
  "keys.json",
  "stack.json",
  "inbox.json",
  "webhooks.json",
];
for (const home of new Set([localDir, serverHome()])) {
  if (all) rmSync(home, { recursive: true, force: true });
  else for (const name of data) rmSync(join(home, name), { recursive: true, force: true });
}
console.log("The local stack's data is gone. Start anew with: npm start");
