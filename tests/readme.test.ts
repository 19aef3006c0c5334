// The README, followed word for word: on a fresh clone from `npm start` to the first alert of the
// demo, and in a fresh project from nothing to an alert about a table of its own. Each command that
// the README shows is run, in its order; one that this test does not know fails it.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { runSupabase } from "../dev/cli.ts";
import { isRoot, repository } from "../dev/paths.ts";
import { startTestDatabase } from "../dev/test/database.ts";
import { run, serveProject, type Served } from "../dev/test/project.ts";

const readme = readFileSync(join(repository, "README.md"), "utf8");

/** The lines of a section's blocks in one language. */
function blocks(section: string, language: string): string[] {
  const start = readme.indexOf(`\n## ${section}\n`);
  assert.ok(start >= 0, `README.md has a section "${section}"`);
  const text = readme.slice(start, readme.indexOf("\n## ", start + 5));
  const pattern = new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\``, "gm");
  return [...text.matchAll(pattern)].map(([, code = ""]) => code.trim());
}
const commands = (section: string): string[] =>
  blocks(section, "sh").flatMap((block) => block.split("\n"));

let folder: string;
let clone: string;
before(async () => {
  folder = mkdtempSync(join(tmpdir(), "tocsin-readme-"));
  clone = join(folder, "tocsin");
  const cloned = await run(
    "git",
    ["clone", "--quiet", "--depth", "1", `file://${repository}`, clone],
    folder,
  );
  assert.equal(cloned.code, 0, cloned.output);
  // as npm ci would leave it: the packages are here already
  symlinkSync(join(repository, "node_modules"), join(clone, "node_modules"));
});
after(() => rm(folder, { recursive: true, force: true }));

test(
  "Try it: on a fresh clone the first alert of the demo is in the inbox",
  { timeout: 600_000 },
  async () => {
    assert.deepEqual(commands("Try it"), ["npm start", "npm test"], "npm test is what runs this");
    const child = spawn("npm", ["start"], { cwd: clone, detached: true, env: outside() });
    let output = "";
    child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
    child.stderr.on("data", (chunk: Buffer) => (output += chunk.toString()));
    const ended = new Promise((done) => child.once("close", done));
    try {
      const inbox = await waitFor(
        () => /^ {2}Inbox +(http:\S+)/m.exec(output)?.[1],
        300_000,
        () => output,
      );
      await waitFor(
        async () => (JSON.stringify(await messages(inbox)).includes("[Tocsin]") ? true : undefined),
        300_000, // fifteen seconds where nothing else is running
        () => output,
      );
      assert.match(output, /^ {2}Webhooks +http:/m);
    } finally {
      if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, "SIGINT");
      await ended;
      await run("npm", ["run", "reset", "--", "--all"], clone);
    }
    if (isRoot) assert.equal(existsSync(join(clone, ".local/data")), false);
  },
);

test(
  "Install it, and watch a table: its next failed run is told",
  { timeout: 300_000 },
  async () => {
    const server = await startTestDatabase({ migrations: [] });
    const db = await server.cloneEmpty();
    const root = join(folder, "shop");
    let served: Served | undefined;
    const done = async (work: Promise<{ code: number | null; output: string }>): Promise<void> => {
      const { code, output } = await work;
      assert.ok(code === 0 || (code === 1 && output.includes("0 fail")), output);
    };
    const secrets: Record<string, string> = {};
    const project = { root };
    // each command as the README has it; what goes to supabase.com goes to this machine instead
    const steps: [command: string, work: () => Promise<void>][] = [
      ["npm pack -w cli", () => done(run("npm", ["pack", "-w", "cli"], clone))],
      [
        "npm install --save-dev path/to/tocsin/tocsin-0.1.0.tgz",
        () =>
          done(
            run(
              "npm",
              [
                ...["install", "--offline", "--no-audit", "--ignore-scripts", "--save-dev"],
                join(clone, "tocsin-0.1.0.tgz"),
                ...["postgres", "smol-toml"].map((name) => join(repository, "node_modules", name)),
              ],
              root,
            ),
          ),
      ],
      ["npx tocsin install", () => done(run("npx", ["--offline", "tocsin", "install"], root))],
      [
        "supabase db push --remote",
        () => done(runSupabase(["db", "push", `--remote=${db.url()}`, "--yes"], root)),
      ],
      ["supabase config push", () => Promise.resolve()], // it is read when it is served
      ["supabase functions deploy tocsin-notify tocsin-api", () => Promise.resolve()],
      [
        'supabase secrets set RESEND_API_KEY=re_… TOCSIN_EMAIL_FROM="Tocsin <alerts@your-domain>"',
        async () => {
          Object.assign(secrets, { TOCSIN_EMAIL_FROM: "Tocsin <alerts@your-domain>" });
          const functions = ["tocsin-notify", "tocsin-api"];
          served = await serveProject(project, db, { functions, secrets });
        },
      ],
      [
        "npx tocsin setup --operator you@example.com",
        () =>
          done(
            run(
              "npx",
              [
                ...["--offline", "tocsin", "setup", "--operator", "you@example.com"],
                ...["--db-url", db.url(), "--url", served?.functionsUrl ?? ""],
              ],
              root,
            ),
          ),
      ],
    ];
    try {
      await done(run("mkdir", [root], folder));
      await done(runSupabase(["init", "--yes"], root));
      writeFileSync(join(root, "package.json"), "{}");
      await db.startWorkers();
      await db.sql(`create table public.jobs (id int primary key, status text, name text,
      finished_at timestamptz, error text)`);
      assert.deepEqual(
        commands("Install it in your own project"),
        steps.map(([command]) => command),
      );
      for (const [, work] of steps) await work();

      const statements = blocks("Watch your own table", "sql");
      assert.equal(statements.length, 2);
      for (const statement of statements) await db.sql(statement);
      await db.sql(
        "insert into public.jobs values (1, 'failed', 'invoices', now(), 'no such file')",
      );
      for (const address of ["you@example.com", "oncall@example.com"]) {
        const email = await served?.inbox.waitFor(({ to }) => to.includes(address), 45_000);
        assert.match(email?.text ?? "", /no such file/);
      }
    } finally {
      await served?.stop();
      await server.stop();
    }
  },
);

/** Without what npm sets for the script that runs the tests. */
function outside(): NodeJS.ProcessEnv {
  const entries = Object.entries(process.env).filter(
    ([name]) => !/^npm_|^TOCSIN_DB_URL$|^NODE_TEST/.test(name),
  );
  return Object.fromEntries(entries);
}

async function messages(inbox: string): Promise<unknown> {
  return (await fetch(`${inbox.replace(/\/$/, "")}/_messages`)).json();
}

async function waitFor<Result>(
  look: () => Promise<Result | undefined> | Result | undefined,
  milliseconds: number,
  explain: () => string,
): Promise<Result> {
  for (const until = Date.now() + milliseconds; Date.now() < until;) {
    const found = await look();
    if (found !== undefined) return found;
    await new Promise((next) => setTimeout(next, 1_000));
  }
  throw new Error(`It did not come about in ${milliseconds / 1000} s:\n${explain()}`);
}
