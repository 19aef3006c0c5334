// Where things lie: the repository, and the place for what the local stack keeps between starts.
//
// That place is .local/ in the repository. Root gets one under /var/tmp instead: PostgreSQL refuses
// to run as root, so it runs as another user there, and such a user may be unable to enter the
// directories above the repository (a clone made by `mktemp -d`, say).

import { createHash } from "node:crypto";
import { lstatSync, mkdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";

export const repository = resolve(import.meta.dirname, "..");

/** Small files about the running stack, and logs: always in the repository, owned by who starts it. */
export const localDir = join(repository, ".local");

/** True when this process may not run PostgreSQL itself. */
export const isRoot = process.getuid?.() === 0;

/** The directory for the server's files and data; created when missing. */
export function serverHome(): string {
  if (!isRoot) {
    mkdirSync(localDir, { recursive: true });
    return localDir;
  }
  const hash = createHash("sha256").update(repository).digest("hex").slice(0, 12);
  const home = `/var/tmp/tocsin-${hash}`;
  mkdirSync(home, { recursive: true, mode: 0o755 });
  // /var/tmp is everybody's: somebody else's directory of that name must not be trusted.
  const stat = lstatSync(home);
  if (!stat.isDirectory() || stat.uid !== 0) {
    throw new Error(
      `${home} exists and is not a directory of root's. Remove it, then start again.`,
    );
  }
  return home;
}

/**
 * The user to run PostgreSQL as, when this process is root: `postgres` where there is one, else
 * `nobody`. No user is created.
 */
export function serverUser(): { uid: number; gid: number } | undefined {
  if (!isRoot) return undefined;
  const users = readFileSync("/etc/passwd", "utf8")
    .split("\n")
    .map((line) => line.split(":"));
  const user =
    users.find(([name]) => name === "postgres") ?? users.find(([name]) => name === "nobody");
  return { uid: Number(user?.[2] ?? 65534), gid: Number(user?.[3] ?? 65534) };
}
