// Tocsin in MeshHook, as docs/how-to/meshhook.md says: its statements on MeshHook's schema, and its
// SvelteKit routes, built and served, before the whole stack. The schema is that of the demo; a folder
// with MeshHook's own migrations can be named by MESHHOOK_MIGRATIONS.

import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { repository } from "../dev/paths.ts";
import { freePort } from "../dev/ports.ts";
import { startStack, type Stack } from "../dev/stack.ts";
import { peopleOf } from "../dev/test/people.ts";
import { filesShownIn } from "../dev/test/snippets.ts";

const page = "docs/how-to/meshhook.md";
const statements = [
  ...readFileSync(join(repository, page), "utf8").matchAll(/^```sql\n([\s\S]*?)^```$/gm),
].map(([, code = ""]) => code);

type Answer = {
  totals?: { failure_count: number }[];
  workflow_count?: number;
  error?: { code: string };
};

/** The bodies that a page for MeshHook's users shows. */
function jsonOf(name: string): string[] {
  const text = readFileSync(join(repository, "docs/meshhook", name), "utf8");
  return [...text.matchAll(/^```json\n([\s\S]*?)^```$/gm)].map(([, code = ""]) => code);
}

let stack: Stack;
let db: pg.Client;
let project: string;
let workflow: string;
/** The tokens of the project's owner and of somebody else. */
let owner: string;
let stranger: string;

before(async () => {
  stack = await startStack({ demo: false });
  db = new pg.Client({ connectionString: stack.databaseUrl });
  await db.connect();
  await makeMeshHook();
  const { signUp, signIn } = peopleOf(stack, db);
  stranger = await signUp();
  await signUp();
  const [user] = await rows("select id from auth.users where email = 'user-2@example.com'");
  const [made] = await rows(
    `with project as (
       insert into public.projects (name, owner) values ('Acme', $1) returning id
     )
     insert into public.workflow_definitions (project_id, slug, definition)
     select id, 'order-import', '{}' from project returning id, project_id`,
    [user?.["id"]],
  );
  project = String(made?.["project_id"]);
  workflow = String(made?.["id"]);
  owner = await signIn("user-2@example.com", "a-good-password");
});

after(async () => {
  await db?.end();
  await stack?.stop();
});

async function rows(text: string, values: unknown[] = []): Promise<Record<string, unknown>[]> {
  return (await db.query<Record<string, unknown>>(text, values)).rows;
}

/** MeshHook's tables and queues. */
async function makeMeshHook(): Promise<void> {
  const folder = process.env["MESHHOOK_MIGRATIONS"];
  if (folder !== undefined) {
    await db.query("alter role postgres set search_path = public, extensions");
    await db.query("set search_path = public, extensions");
    for (const file of readdirSync(folder).sort()) {
      await db.query(readFileSync(join(folder, file), "utf8"));
    }
    await db.query(
      "alter table public.workflow_definitions alter column name set default 'Import'",
    );
    return;
  }
  const seed = readFileSync(join(repository, "supabase/seed.sql"), "utf8");
  await db.query(seed.slice(0, seed.indexOf("insert into public.projects")));
  await db.query("select pgmq.create('workflow_jobs'), pgmq.create('workflow_jobs_dlq')");
}

async function beat(): Promise<void> {
  await db.query("select from tocsin_internal.tick()");
}

test("the statements of the page watch MeshHook and lead to a message", async () => {
  for (const statement of statements) await db.query(statement);
  const mail = await stack.inbox.waitFor(
    ({ subject }) => /order-import failed/.test(subject),
    60_000,
  );
  assert.match(mail.subject, /at createContact: HTTP 502/);
  await beat();
  const [source] = await rows("select mapping from tocsin.run_sources");
  const mapping = source?.["mapping"] as Record<string, unknown>;
  for (const part of ["events", "jobs", "workflow_names", "members_function"]) {
    assert.ok(mapping[part], `${part} of MeshHook's are read`);
  }
  assert.deepEqual(
    await rows("select dead_letter_queue from tocsin.queues where queue_name = 'workflow_jobs'"),
    [{ dead_letter_queue: "workflow_jobs_dlq" }],
  );
});

test("an attempt is an error, the job that is given up fails its run, once", async () => {
  const [run] = await rows(
    `insert into public.workflow_runs (project_id, workflow_id, status)
     values ($1, $2, 'running') returning id`,
    [project, workflow],
  );
  const id = run?.["id"];
  await db.query(
    `insert into public.workflow_events (run_id, type, payload) values ($1, 'step_failed',
       '{"node": {"id": "load"}, "attempt": 1, "error": "try again"}')`,
    [id],
  );
  await beat();
  const told = (): Promise<Record<string, unknown>[]> =>
    rows(
      `select origin::text, node, message, attempt from tocsin.error_metrics where run_id = $1
       order by ingested_at`,
      [id],
    );
  const attempt = { origin: "event", node: "load", message: "try again", attempt: 1 };
  assert.deepEqual(await told(), [attempt]);
  await db.query(
    process.env["MESHHOOK_MIGRATIONS"] === undefined
      ? `insert into public.job_tracking (msg_id, run_id, moved_to_dlq_at, error_message)
         values (1, $1, now(), 'gave up')`
      : `insert into public.job_tracking (msg_id, run_id, queue_name, moved_to_dlq_at, error_message)
         values (1, $1, 'workflow_jobs', now(), 'gave up')`,
    [id],
  );
  await db.query(
    "update public.workflow_runs set status = 'failed', finished_at = now() where id = $1",
    [id],
  );
  await beat();
  const all = await told();
  assert.deepEqual(
    all.map((row) => row["origin"]),
    ["event", "run"],
  );
  const [metrics] = await rows("select failure_count::int from tocsin.workflow_run_metrics");
  assert.deepEqual(metrics, { failure_count: 2 });
});

test("MeshHook's own paths are answered by tocsin-api, to whom they are for", async (t) => {
  const app = await serveApp();
  try {
    const ask = (path: string, options: RequestInit & { session?: string } = {}) => {
      const { session, ...init } = options;
      const headers = new Headers(init.headers);
      if (session !== undefined) headers.set("cookie", `session=${session}`);
      return fetch(`${app.url}${path}`, { ...init, headers });
    };
    const json = async (answer: Response): Promise<Answer> => (await answer.json()) as Answer;
    const settings = `/api/alerts/settings/${project}`;

    await t.test("a session sees its own projects, another none, none is refused", async () => {
      const path = `/api/metrics/workflow/${workflow}`;
      const answer = await ask(path, { session: owner });
      assert.equal(answer.status, 200, await answer.clone().text());
      const document = await json(answer);
      assert.equal(document.totals?.[0]?.failure_count, 2);
      assert.equal(answer.headers.get("access-control-allow-origin"), null);

      const again = await ask(path, {
        session: owner,
        headers: { "if-none-match": answer.headers.get("etag") ?? "" },
      });
      assert.equal(again.status, 304);
      const other = await ask("/api/metrics/workflows/summary?from=-1d", { session: stranger });
      assert.equal((await json(other)).workflow_count, 0);
      const own = await ask("/api/metrics/workflows/summary?from=-1d", { session: owner });
      assert.equal((await json(own)).workflow_count, 1);
      const anonymous = await ask("/api/metrics/workflows/summary");
      assert.deepEqual(
        [anonymous.status, (await json(anonymous)).error?.code],
        [401, "unauthorized"],
      );
    });

    await t.test("errors are read with filters", async () => {
      const answer = await ask("/api/error-metrics?from=-1d&source=worker", { session: owner });
      assert.equal(answer.status, 200, await answer.clone().text());
      assert.match(await answer.text(), /createContact|HTTP 502/);
    });

    await t.test("settings are saved and read", async () => {
      const body = (jsonOf("Failure-Alerts.md")[0] ?? "").replace("<project_id>", project);
      const post = (headers: Record<string, string>): Promise<Response> =>
        ask("/api/alerts/settings", { method: "POST", session: owner, headers, body });
      assert.equal((await post({ "content-type": "text/plain" })).ok, false);
      const saved = await post({ "content-type": "application/json" });
      assert.equal(saved.status, 201, await saved.clone().text());
      const read = await ask(settings, { session: owner });
      assert.match(await read.text(), /An order was not imported/);
      assert.doesNotMatch(await (await ask(settings, { session: stranger })).text(), /imported/);
      const workflows = await ask(`${settings}/${workflow}`, { session: owner });
      assert.equal(workflows.status, 200);
    });

    await t.test("what is internal needs a key of its own: a session will not do", async () => {
      const [key] = await rows("select ingest_key from tocsin.create_ingest_key('mesh', $1)", [
        project,
      ]);
      const report = (headers: Record<string, string>, session?: string): Promise<Response> =>
        ask("/api/error-events", {
          method: "POST",
          headers: { "content-type": "application/json", ...headers },
          body: jsonOf("Error-Rates.md")[0] ?? "",
          ...(session === undefined ? {} : { session }),
        });
      assert.equal((await report({}, owner)).status, 401);
      const bearer = { authorization: `Bearer ${String(key?.["ingest_key"])}` };
      assert.equal((await report(bearer)).status, 202);
      const trigger = (headers: Record<string, string>, session?: string): Promise<Response> =>
        ask("/api/alerts/trigger", {
          method: "POST",
          headers: { "content-type": "application/json", ...headers },
          body: (jsonOf("Failure-Alerts.md")[1] ?? "").replace("<project_id>", project),
          ...(session === undefined ? {} : { session }),
        });
      assert.equal((await trigger({}, owner)).ok, false);
      const raised = await trigger({ authorization: `Bearer ${stack.keys.secret}` });
      assert.ok(raised.ok, await raised.clone().text());
    });

    await t.test("nothing else is handed on", async () => {
      for (const path of ["/api/metrics", "/api/metrics/x", "/api/alerts/settings/a/b/c"]) {
        assert.equal((await ask(path, { session: owner })).status, 404, path);
      }
    });
  } finally {
    app.stop();
  }
});

/** The page's files in a SvelteKit app, built, with a session such as MeshHook's in a cookie. */
async function serveApp(): Promise<{ url: string; stop: () => void }> {
  const folder = mkdtempSync(join(tmpdir(), "tocsin-meshhook-"));
  const files: [string, string][] = [
    ...filesShownIn(page),
    ["package.json", '{ "name": "web", "private": true, "type": "module" }'],
    [
      "vite.config.js",
      'import { sveltekit } from "@sveltejs/kit/vite";\nexport default { plugins: [sveltekit()] };\n',
    ],
    [
      "src/app.html",
      "<!doctype html><html><head>%sveltekit.head%</head><body>%sveltekit.body%</body></html>",
    ],
    ["src/routes/+page.svelte", "<h1>MeshHook</h1>\n"],
    ["src/hooks.server.js", hooks],
  ];
  for (const [name, text] of files) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  symlinkSync(join(repository, "node_modules"), join(folder, "node_modules"));
  const bin = (name: string): string => join(repository, "node_modules", ".bin", name);
  const built = spawnSync(process.execPath, [bin("vite"), "build"], { cwd: folder });
  assert.equal(built.status, 0, `${built.stdout.toString()}${built.stderr.toString()}`);
  const port = await freePort(0);
  const args = [bin("vite"), "preview", "--host", "127.0.0.1", "--port", `${port}`, "--strictPort"];
  const server: ChildProcess = spawn(process.execPath, args, {
    cwd: folder,
    env: { ...process.env, SUPABASE_URL: stack.apiUrl },
    stdio: "ignore",
  });
  const url = `http://127.0.0.1:${port}`;
  for (let waited = 0; waited < 15_000; waited += 100) {
    if (
      await fetch(url).then(
        (answer) => answer.ok,
        () => false,
      )
    )
      break;
    await sleep(100);
  }
  const stop = (): void => {
    server.kill();
    rmSync(folder, { recursive: true, force: true });
  };
  return { url, stop };
}

/** What MeshHook's hooks set, of which the page speaks. */
const hooks = `export async function handle({ event, resolve }) {
  const token = event.cookies.get("session");
  event.locals.getSession = async () => (token ? { access_token: token } : null);
  return resolve(event);
}
`;
