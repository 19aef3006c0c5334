// The linked project, which is what `npx tocsin doctor` and `setup` take without further words: asked
// by the real Supabase CLI, at a stand-in of the platform's API that runs the statements on a test
// database. And an upgrade, from a project that lacks the newest migration.

import assert from "node:assert/strict";
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { z } from "zod";
import { pushMigrations } from "../dev/cli.ts";
import { serveFetch } from "../dev/http.ts";
import { freePort } from "../dev/ports.ts";
import { startTestDatabase, type TestDatabase, type TestServer } from "../dev/test/database.ts";
import { makeProject, packCli, type Project } from "../dev/test/project.ts";

const ref = "abcdefghijklmnopqrst";
let server: TestServer;
let tarball: string;
let project: Project;
before(async () => {
  [server, tarball] = await Promise.all([startTestDatabase({ migrations: [] }), packCli()]);
  project = await makeProject(tarball);
});
after(async () => {
  await project?.remove();
  await server?.stop();
  if (tarball) await rm(dirname(tarball), { recursive: true, force: true });
});

/** The platform's API as the CLI knows it, of one project with this database. */
async function servePlatform(
  db: TestDatabase,
): Promise<{ url: string; stop: () => Promise<void> }> {
  return serveFetch(await freePort(0), async (request) => {
    if (new URL(request.url).pathname !== `/v1/projects/${ref}/database/query`) {
      return Response.json({ message: "Not found" }, { status: 404 });
    }
    const { query } = z.object({ query: z.string() }).parse(await request.json());
    try {
      return Response.json(await db.sql(query), { status: 201 });
    } catch (error) {
      const { code } = error as { code?: string };
      const message = `Failed to run sql query: ERROR:  ${code ?? ""}: ${String(error)}`;
      return Response.json({ message }, { status: 400 });
    }
  });
}

test("doctor and setup ask the linked project through the Supabase CLI", async (t) => {
  const db = await server.cloneEmpty();
  const platform = await servePlatform(db);
  t.after(() => platform.stop());
  project.write("supabase/.temp/project-ref", ref);
  project.write(
    "profile.yaml",
    ["api_url", "dashboard_url", "docs_url"].map((key) => `${key}: ${platform.url}\n`).join("") +
      "name: here\nproject_host: 127.0.0.1\n",
  );
  Object.assign(project.env, {
    SUPABASE_PROFILE: join(project.root, "profile.yaml"),
    SUPABASE_ACCESS_TOKEN: "sbp_0123456789012345678901234567890123456789",
  });

  const before = await project.tocsin("doctor", "--json");
  assert.equal(before.code, 2, before.output);
  assert.match(before.output, /tocsin is installed[\s\S]*the linked project abcdefghijklmnopqrst/);

  assert.equal((await project.tocsin("install")).code, 0);
  await pushMigrations(db.url(), project.root);
  await db.sql(`create table public."Odd 'runs'" (id int primary key, status text)`);
  const options = ["--operator", "ada@example.com", "--watch", `public."Odd 'runs'"`];
  const setUp = await project.tocsin("setup", ...options);
  assert.match(setUp.output, /Watching public\."Odd 'runs'" as "odd_runs_?"/);
  const [kept] = await db.sql("select functions_url from tocsin_internal.installation");
  assert.deepEqual(kept, { functions_url: `https://${ref}.supabase.co/functions/v1` });

  assert.equal((await project.tocsin("install", "--linked")).code, 0);
  const file = readdirSync(join(project.root, "supabase/migrations")).pop() ?? "";
  assert.match(
    readFileSync(join(project.root, "supabase/migrations", file), "utf8"),
    /tocsin\.watch_runs\('public\."Odd ''runs''"'/,
  );
  await db.drop();
});

test("an upgrade brings what the project lacks, the second time nothing", async () => {
  const db = await server.cloneEmpty();
  const own = await makeProject(tarball);
  assert.equal((await own.tocsin("install")).code, 0);
  // as a version before would have left it: without the last migration, with another function
  const last = readdirSync(join(own.root, "supabase/migrations")).pop() ?? "";
  rmSync(join(own.root, "supabase/migrations", last));
  own.write("supabase/functions/tocsin-notify/gone.ts", "// a part of before\n");
  const path = join(own.root, "supabase/tocsin.json");
  const manifest = z
    .object({
      version: z.string(),
      files: z.record(z.string(), z.string()),
      watches: z.array(z.unknown()),
    })
    .parse(JSON.parse(readFileSync(path, "utf8")));
  Reflect.deleteProperty(manifest.files, `migrations/${last}`);
  const hash = "1f7b7b1c8c1b3d2f5d3a8f0e";
  own.write(
    "supabase/tocsin.json",
    JSON.stringify({
      ...manifest,
      version: "0.0.9",
      files: { ...manifest.files, "functions/tocsin-notify/gone.ts": hash },
    }),
  );
  await pushMigrations(db.url(), own.root);

  const told = await own.tocsin("install");
  assert.equal(told.code, 3);
  assert.match(told.output, /has Tocsin 0\.0\.9; this is 0\.1\.0[\s\S]*npx tocsin upgrade/);
  const refused = await own.tocsin("upgrade");
  assert.match(refused.output, /gone\.ts[\s\S]*--overwrite/, "it is not as Tocsin wrote it");
  assert.match((await own.tocsin("upgrade", "--overwrite")).output, /removed 1 files/);
  assert.match((await own.tocsin("upgrade")).output, /nothing had to be changed/);
  assert.equal(await pushMigrations(db.url(), own.root), 1);
  assert.equal((await db.sql("select tocsin.version()"))[0]?.["version"], "0.1.0");
  await own.remove();
  await db.drop();
});
