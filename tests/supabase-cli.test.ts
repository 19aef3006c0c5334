// The real Supabase CLI: what a user's `supabase db push` does with the migrations, and what
// Supabase's own advisors say of the result.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { z } from "zod";
import { pushMigrations, runSupabase } from "../dev/cli.ts";
import { migrationFiles, seed } from "../dev/database.ts";
import { startTestDatabase, type TestDatabase } from "../dev/test/database.ts";

const server = await startTestDatabase();
after(() => server.stop());

/** Every definition in the two schemas, as text: two databases with the same one are alike. */
async function definitions(db: TestDatabase): Promise<string> {
  const [row] = await db.superuser(`select string_agg(line, e'\\n' order by line) as text from (
    select format('function %s %s', p.oid::regprocedure, md5(pg_get_functiondef(p.oid)))
    from pg_proc p where pronamespace::regnamespace::text ~ '^tocsin'
    union all
    select format('column %s.%s %s %s', attrelid::regclass, attname, format_type(atttypid, atttypmod),
      attacl::text)
    from pg_attribute join pg_class c on c.oid = attrelid
    where relnamespace::regnamespace::text ~ '^tocsin' and attnum > 0 and relkind in ('r', 'v')
    union all
    select format('constraint %s %s %s', conrelid::regclass, conname, pg_get_constraintdef(oid))
    from pg_constraint where connamespace::regnamespace::text ~ '^tocsin'
    union all
    select format('policy %s %s %s %s', tablename, policyname, qual, with_check) from pg_policies
    where schemaname ~ '^tocsin'
    union all
    select format('job %s %s', jobname, command) from cron.job
  ) as lines (line)`);
  return String(row?.["text"]);
}

test("supabase db push works on an empty project, as a role that is no superuser", async () => {
  const db = await server.cloneEmpty();
  const [role] = await db.sql("select rolsuper from pg_roles where rolname = current_user");
  assert.deepEqual(role, { rolsuper: false });

  assert.equal(await pushMigrations(db.url()), migrationFiles().length);
  const pushed = await definitions(db);
  assert.ok(pushed.length > 10_000);
  assert.equal(await pushMigrations(db.url()), 0, "a second push has nothing to do");
  assert.equal(await definitions(db), pushed, "and changes nothing");
  await db.drop();
});

test("supabase db push works on a project with tables of its own, which stay as they were", async () => {
  const db = await server.cloneEmpty();
  await db.sql(`
    create table public.jobs (id bigint primary key, status text, finished_at timestamptz);
    insert into public.jobs select i, 'failed', now() from generate_series(1, 100) as i;
    create function public.redact(text) returns text language sql as 'select $1';
    create view public.failed_jobs as select * from public.jobs where status = 'failed'`);
  await pushMigrations(db.url());
  const [host] = await db.sql(`select (select count(*)::int from public.failed_jobs) as jobs,
    (select count(*)::int from pg_trigger where tgrelid = 'public.jobs'::regclass) as triggers,
    (select count(*)::int from pg_class where relnamespace = 'public'::regnamespace) as relations`);
  assert.deepEqual(host, { jobs: 100, triggers: 0, relations: 3 });
  await db.drop();
});

const advice = z.array(
  z.object({
    name: z.string(),
    detail: z.string(),
    metadata: z.object({ schema: z.string().optional(), name: z.string().optional() }).nullish(),
  }),
);

test("Supabase's advisors find nothing in Tocsin's schemas but indexes not used yet", async () => {
  const db = await server.clone();
  await seed(db.url(), { history: false });
  await db.superuser(
    `alter database ${db.name} set pgrst.db_schemas = 'public, graphql_public, tocsin'`,
  );
  const { code, output } = await runSupabase([
    ...["db", "advisors", "--db-url", db.url()],
    ...["--level", "info", "--output-format", "json"],
  ]);
  assert.equal(code, 0, output);
  const found = advice.parse(findArray(JSON.parse(output.slice(output.search(/[[{]/)))));
  assert.ok(
    found.some(({ metadata }) => metadata?.schema === "public"),
    "the demo's own tables give it something to find",
  );
  const ours = found.filter(
    ({ name, metadata }) =>
      metadata?.schema?.startsWith("tocsin") === true && name !== "unused_index",
  );
  assert.deepEqual(
    ours.map(({ name, detail }) => `${name}: ${detail}`),
    [],
  );
  await db.drop();
});

/** The CLI wraps its findings; how has changed between versions. */
function findArray(value: unknown): unknown {
  if (Array.isArray(value)) return value;
  return Object.values(value as Record<string, unknown>).find(Array.isArray);
}
