// The parts of supabase/config.toml that the local stack honours.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "smol-toml";
import { z } from "zod";
import { repository } from "./paths.ts";

const schema = z.object({
  api: z.object({
    port: z.number(),
    schemas: z.array(z.string()).min(1),
    extra_search_path: z.array(z.string()),
    max_rows: z.number(),
  }),
  db: z.object({ port: z.number() }),
  auth: z.object({
    site_url: z.string(),
    jwt_expiry: z.number(),
    enable_signup: z.boolean(),
    minimum_password_length: z.number(),
    email: z.object({ enable_confirmations: z.boolean() }),
  }),
  functions: z
    .record(
      z.string(),
      z.object({ enabled: z.boolean().default(true), verify_jwt: z.boolean().default(true) }),
    )
    .default({}),
});
export type ProjectConfig = z.infer<typeof schema>;

export function readProjectConfig(project = repository): ProjectConfig {
  const file = join(project, "supabase/config.toml");
  const result = schema.safeParse(parse(readFileSync(file, "utf8")));
  if (result.success) return result.data;
  throw new Error(`${file}: ${z.prettifyError(result.error)}`);
}
