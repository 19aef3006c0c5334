// The gateway is Supabase's API as supabase-js knows it: sign-up, row-level security by role,
// schemas from config.toml, keys; and it leaves the database's privileges as they are.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { createClient } from "@supabase/supabase-js";
import { readProjectConfig } from "./config.ts";
import { startGateway, type Gateway } from "./gateway.ts";
import { makeKeys } from "./keys.ts";
import { superuser } from "./postgres.ts";
import { startTestDatabase, type TestDatabase } from "./test/database.ts";

const server = await startTestDatabase({ migrations: [] });
const db = await server.clone();
await db.sql(`
  create schema tocsin;
  create schema private;
  create table tocsin.notes (note_id bigserial primary key, owner uuid not null, body text);
  alter table tocsin.notes enable row level security;
  create policy own on tocsin.notes using (owner = (select auth.uid()));
  grant usage on schema tocsin to authenticated, service_role;
  grant select, insert on tocsin.notes to authenticated;
  grant usage on sequence tocsin.notes_note_id_seq to authenticated;
  grant select on tocsin.notes to service_role;
  create table private.machinery (id int primary key);
  alter table private.machinery enable row level security;
  create function tocsin.who() returns text language sql stable as 'select current_user::text';
  create function tocsin.types_of(j json, b jsonb) returns text language sql stable
    as $$ select json_typeof(j) || ' ' || jsonb_typeof(b) $$;
`);
const keys = makeKeys();
const gateway = await start(db);
after(async () => {
  await gateway.stop();
  await server.stop();
});

function start(database: TestDatabase): Promise<Gateway> {
  return startGateway({
    port: 0,
    databaseUrl: database.url(superuser),
    config: readProjectConfig(),
    keys,
    functions: () => undefined,
  });
}

function client(key: string) {
  return createClient(gateway.url, key, {
    db: { schema: "tocsin" },
    auth: { persistSession: false, autoRefreshToken: false },
  });
}

async function signUp(email: string) {
  const supabase = client(keys.publishable);
  const { data, error } = await supabase.auth.signUp({ email, password: "correct-horse" });
  assert.equal(error, null);
  assert.ok(data.session, "a session without confirming an e-mail");
  return { supabase, userId: data.user?.id ?? "" };
}

test("a person who signs up sees their own rows and nobody else's", async () => {
  const ada = await signUp("ada@example.com");
  const bob = await signUp("bob@example.com");
  const written = await ada.supabase.from("notes").insert({ owner: ada.userId, body: "mine" });
  assert.equal(written.error, null);
  assert.deepEqual((await ada.supabase.from("notes").select("body")).data, [{ body: "mine" }]);
  assert.deepEqual((await bob.supabase.from("notes").select("body")).data, []);
  const forged = await bob.supabase.from("notes").insert({ owner: ada.userId, body: "forged" });
  assert.equal(forged.error?.code, "42501");
});

test("signing in again works, with the password only", async () => {
  await signUp("cid@example.com");
  const supabase = client(keys.publishable);
  const right = { email: "cid@example.com", password: "correct-horse" };
  assert.equal((await supabase.auth.signInWithPassword(right)).error, null);
  const wrong = { ...right, password: "battery-staple" };
  assert.ok((await supabase.auth.signInWithPassword(wrong)).error);
});

test("each key is a role of the database's", async () => {
  assert.equal((await client(keys.secret).rpc("who")).data, "service_role");
  const person = await signUp("dan@example.com");
  assert.equal((await person.supabase.rpc("who")).data, "authenticated");
  const stranger = await client(keys.publishable).from("notes").select();
  assert.equal(stranger.error?.code, "42501");
  assert.ok((await client("sb_publishable_wrong").from("notes").select()).error);
});

test("objects and lists come to arguments of type json as what they are", async () => {
  const typesOf = async (j: unknown, b: unknown): Promise<unknown> =>
    (await client(keys.secret).rpc("types_of", { j, b })).data;
  assert.equal(await typesOf([1], { a: 1 }), "array object");
  assert.equal(await typesOf({}, []), "object array");
  assert.equal(await typesOf("text", "more"), "string string");
});

test("a schema that config.toml does not list is not served", async () => {
  const supabase = createClient(gateway.url, keys.secret, { db: { schema: "private" } });
  assert.equal((await supabase.from("machinery").select()).error?.code, "PGRST106");
});

test("serving requests grants nobody anything", async () => {
  const before = await privileges();
  await signUp("eve@example.com");
  await client(keys.secret).from("notes").select();
  assert.deepEqual(await privileges(), before);
  assert.equal(
    (await db.sql("select has_schema_privilege('anon', 'private', 'usage') as it"))[0]?.["it"],
    false,
  );
});

function privileges() {
  return db.sql(`
    select relname::text as name, relacl::text as acl from pg_class
    where relnamespace in ('tocsin'::regnamespace, 'private'::regnamespace)
    union all select nspname, nspacl::text from pg_namespace
    where nspname in ('tocsin', 'private') order by 1`);
}

test("a table made while it runs is served", async () => {
  await client(keys.secret).from("notes").select();
  await db.sql(
    "create table tocsin.late (id int primary key); grant all on tocsin.late to service_role",
  );
  for (let tries = 0; tries < 50; tries++) {
    if (!(await client(keys.secret).from("late").select()).error) return;
  }
  assert.fail("tocsin.late is still unknown to the Data API");
});

test("auth.uid() reads both forms of the claims after the gateway has started", async () => {
  const sub = "6f1f2c9e-0000-4000-8000-000000000001";
  const [row] = await db.as("authenticated", { sub }, (sql) => sql("select auth.uid() as uid"));
  assert.equal(row?.["uid"], sub);
});

test("there is nothing at other paths, and no function that is not there", async () => {
  assert.equal((await fetch(`${gateway.url}/nothing`)).status, 404);
  assert.equal((await fetch(`${gateway.url}/functions/v1/tocsin-notify`)).status, 404);
});
