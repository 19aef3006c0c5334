// The API keys of the local project: made once for a clone, kept in .local/, never committed.

import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { localDir } from "./paths.ts";

const schema = z.object({
  /** For browsers and apps: the role anon. */
  publishable: z.string(),
  /** For servers: the role service_role. */
  secret: z.string(),
  /** Signs the sessions of people who are signed in. */
  jwtSecret: z.string(),
  /** For scrapers, at tocsin-api/metrics. */
  metricsToken: z.string(),
});
export type Keys = z.infer<typeof schema>;

export function makeKeys(): Keys {
  const random = (bytes: number): string => randomBytes(bytes).toString("base64url");
  return {
    publishable: `sb_publishable_${random(24)}`,
    secret: `sb_secret_${random(24)}`,
    jwtSecret: random(36),
    metricsToken: random(24),
  };
}

/** This clone's keys, the same at every start. */
export function readKeys(): Keys {
  const file = join(localDir, "keys.json");
  const kept = existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as unknown) : undefined;
  const complete = schema.safeParse(kept);
  if (complete.success) return complete.data;
  // Those of an earlier version stay, beside what has come since.
  const earlier = z.record(z.string(), z.string()).safeParse(kept).data;
  const keys = schema.parse({ ...makeKeys(), ...earlier });
  mkdirSync(localDir, { recursive: true });
  writeFileSync(file, `${JSON.stringify(keys, null, 2)}\n`, { mode: 0o600 });
  return keys;
}
