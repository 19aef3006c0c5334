// The test database keeps its promises: clones are apart, roles are really switched, and what
// stands in for Supabase has Supabase's limits.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { startTestDatabase } from "./database.ts";

const server = await startTestDatabase({ migrations: [] });
after(() => server.stop());

test("what one clone writes the next one does not see", async () => {
  const first = await server.clone();
  await first.sql("create table public.things (thing_id int)");
  const second = await server.clone();
  const [row] = await second.sql("select to_regclass('public.things') as found");
  assert.equal(row?.["found"], null);
});

test("postgres is no superuser, yet creates every extension that a project may use", async () => {
  const db = await server.cloneEmpty();
  const [role] = await db.sql(
    "select rolsuper, rolbypassrls from pg_roles where rolname = 'postgres'",
  );
  assert.deepEqual(role, { rolsuper: false, rolbypassrls: true });
  for (const name of ["pgmq", "pgtap", "pg_cron", "pg_net", "supabase_vault"]) {
    await db.sql(`create extension if not exists ${name}`);
  }
});

test("an API role sees its claims, and only what it is granted", async () => {
  const db = await server.cloneEmpty();
  await db.sql("create schema hidden; create table hidden.things (thing_id int)");
  const sub = "6f1f2c9e-0000-4000-8000-000000000001";
  const [row] = await db.as("authenticated", { sub }, (sql) =>
    sql("select auth.uid() as uid, auth.role() as role, current_user::text as me"),
  );
  assert.deepEqual(row, { uid: sub, role: "authenticated", me: "authenticated" });
  await assert.rejects(
    db.as("authenticated", { sub }, (sql) => sql("select * from hidden.things")),
    { code: "42501" },
  );
});

test("secrets are ciphertext on disk, and neither anon nor authenticated can read them", async () => {
  const db = await server.cloneEmpty();
  await db.sql("select vault.create_secret('sesame', 'door', 'the front door')");
  const [row] = await db.sql("select secret, decrypted_secret from vault.decrypted_secrets");
  assert.equal(row?.["decrypted_secret"], "sesame");
  assert.doesNotMatch(String(row?.["secret"]), /sesame/);
  for (const role of ["anon", "authenticated"]) {
    for (const view of ["vault.secrets", "vault.decrypted_secrets"]) {
      await assert.rejects(
        db.as(role, {}, (sql) => sql(`select * from ${view}`)),
        { code: "42501" },
      );
    }
  }
});

test("postgres may read cron.job but not write it", async () => {
  const db = await server.cloneEmpty();
  await db.sql("create extension pg_cron");
  await db.sql("select cron.schedule('beat', '5 seconds', 'select 1')");
  await assert.rejects(db.sql("update cron.job set active = false"), { code: "42501" });
  await assert.rejects(db.sql("select cron.schedule('bad', 'every day', 'select 1')"), {
    message: /invalid schedule: every day/,
  });
  await db.sql("select cron.unschedule('beat')");
  assert.deepEqual(await db.sql("select * from cron.job"), []);
});
