// Encryption in transit, on a server that has it switched on: the doctor stops warning, and the
// command line speaks TLS with it.

import assert from "node:assert/strict";
import { chownSync, copyFileSync, chmodSync, statSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { askDoctor } from "../cli/src/doctor.ts";
import { openUrl } from "../cli/src/database.ts";
import { repository } from "../dev/paths.ts";
import { startTestDatabase } from "../dev/test/database.ts";

const server = await startTestDatabase();
after(() => server.stop());

test("the doctor warns of a server without ssl, and is content with one that has it", async () => {
  const db = await server.clone();
  await db.sql("select tocsin.setup('https://x.example/functions/v1')");
  const said = async (url: string): Promise<string | undefined> => {
    const database = openUrl(url);
    try {
      const findings = await askDoctor(database);
      return findings.find(({ check_name: name }) => name === "encryption in transit")?.status;
    } finally {
      await database.close();
    }
  };
  assert.equal(await said(db.url()), "warn");
  await assert.rejects(said(`${db.url()}?sslmode=require`), /does not answer/);

  const [place] = await db.superuser("select current_setting('data_directory') as folder");
  const folder = String(place?.["folder"]);
  const { uid, gid } = statSync(folder);
  for (const name of ["server.pem", "server.key"]) {
    const file = join(folder, name);
    copyFileSync(join(repository, "supabase/functions/_shared/testing", name), file);
    chmodSync(file, 0o600);
    if (process.getuid?.() === 0) chownSync(file, uid, gid);
  }
  await db.superuser("alter system set ssl_cert_file = 'server.pem'");
  await db.superuser("alter system set ssl_key_file = 'server.key'");
  await db.superuser("alter system set ssl = on"); // as the hint says
  await db.superuser("select pg_reload_conf()");
  let status: string | undefined;
  for (let tries = 0; tries < 50 && status !== "ok"; tries++) {
    await new Promise((next) => setTimeout(next, 100)); // the server reads its settings again
    status = await said(`${db.url()}?sslmode=require`).catch(() => undefined);
  }
  assert.equal(status, "ok");
  await db.drop();
});
