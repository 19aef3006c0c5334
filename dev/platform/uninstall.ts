// Installed by the packed command line and removed again, with the real pg_cron: what pg_dump tells
// of the schema is the same as before.

import assert from "node:assert/strict";
import { rm } from "node:fs/promises";
import { dirname } from "node:path";
import { pushMigrations } from "../cli.ts";
import { withClient } from "../database.ts";
import { readCatalogue } from "../test/catalogue.ts";
import { makeProject, packCli } from "../test/project.ts";
import { superuser } from "../postgres.ts";
import { dumpSchema, startBootstrapped, type Row } from "./place.ts";

export async function installAndRemove(debian: string): Promise<string> {
  const tarball = await packCli();
  const server = await startBootstrapped(debian);
  const project = await makeProject(tarball);
  const query = (text: string): Promise<Row[]> =>
    withClient(server.url(superuser), async (client) => (await client.query<Row>(text)).rows);
  try {
    project.write(
      "supabase/migrations/20260101000000_jobs.sql",
      "create table public.jobs (id int primary key, status text);\n",
    );
    await pushMigrations(server.url(), project.root);
    const dump = await dumpSchema(debian, server.url(superuser));
    const catalogue = await readCatalogue(query);
    assert.ok(dump.includes("CREATE TABLE public.jobs") && !dump.includes("tocsin"));

    const installed = await project.tocsin("install");
    assert.equal(installed.code, 0, installed.output);
    await pushMigrations(server.url(), project.root);
    await withClient(server.url(), (client) =>
      client.query(`
        select tocsin.setup('http://127.0.0.1:1/functions/v1', 'ada@example.com');
        select tocsin.watch_runs('public.jobs');
        insert into public.jobs values (1, 'failed')`),
    );
    const between = await dumpSchema(debian, server.url(superuser));
    assert.ok(between.includes("CREATE SCHEMA tocsin") && between.includes("tocsin_capture_jobs"));

    // as a user who is told to wait until it is quieter: the heart beats meanwhile
    const removed = await project.tocsin("uninstall");
    assert.equal(removed.code, 0, removed.output);
    let tries = 1;
    while (
      !(await pushMigrations(server.url(), project.root).then(
        () => true,
        (error: unknown) => {
          if (tries < 5 && /lock timeout|deadlock/.test(String(error))) return false;
          throw error;
        },
      ))
    ) {
      tries += 1;
    }
    assert.equal(await dumpSchema(debian, server.url(superuser)), dump);
    assert.deepEqual(await readCatalogue(query), catalogue);
    return `${dump.split("\n").length} lines of pg_dump and ${catalogue.length} of the catalogue; pushed in ${tries}`;
  } finally {
    await project.remove();
    await server.stop();
    await rm(dirname(tarball), { recursive: true, force: true });
  }
}
