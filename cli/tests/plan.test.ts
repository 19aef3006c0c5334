// What is written to the user's project, and when: versions, conflicts, all or nothing.

import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { CliError } from "../src/errors.ts";
import { diffLines } from "../src/diff.ts";
import { planInstall, type InstallPlan } from "../src/install.ts";
import { migrationFiles, nextVersions } from "../src/migrations.ts";
import type { Pack } from "../src/pack.ts";
import { applyChanges } from "../src/plan.ts";
import { findProject } from "../src/project.ts";
import { planUninstall } from "../src/uninstall.ts";

const now = new Date("2026-11-21T10:00:05Z");
const pack: Pack = {
  version: "1.0.0",
  migrations: new Map([
    ["20260101000100_one.sql", "select 1;\n"],
    ["20260101000200_two.sql", "select 2;\n"],
  ]),
  functions: new Map([["functions/tocsin-api/index.ts", "// api\n"]]),
  uninstall: "drop;\n",
};
const newer: Pack = {
  ...pack,
  version: "1.1.0",
  migrations: new Map([...pack.migrations, ["20270101000100_three.sql", "select 3;\n"]]),
  functions: new Map([["functions/tocsin-notify/index.ts", "// notify\n"]]),
};

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "tocsin-plan-"));
  write("config.toml", `[api]\nschemas = ["public"]\n`);
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function write(path: string, text: string): void {
  const file = join(root, "supabase", path);
  mkdirSync(join(file, ".."), { recursive: true });
  writeFileSync(file, text);
}
const read = (path: string): string => readFileSync(join(root, "supabase", path), "utf8");
const migrations = (): string[] => migrationFiles(join(root, "supabase"));

function plan(from: Pack, options: Partial<Parameters<typeof planInstall>[2]> = {}): InstallPlan {
  return planInstall(findProject(root), from, {
    command: "install",
    now,
    overwrite: false,
    watches: undefined,
    ...options,
  });
}
function install(from: Pack, options: Partial<Parameters<typeof planInstall>[2]> = {}): number {
  const { changes } = plan(from, options);
  applyChanges(join(root, "supabase"), changes);
  return changes.length;
}
function refused(work: () => unknown, pattern: RegExp): void {
  assert.throws(
    work,
    (error) => error instanceof CliError && pattern.test(`${error.message} ${error.hint ?? ""}`),
  );
}

test("versions increase, come after the newest, and end now when there is room", () => {
  assert.deepEqual(nextVersions(["0001_first.sql", "20261121095000_x.sql"], 2, now), [
    "20261121100004",
    "20261121100005",
  ]);
  assert.deepEqual(nextVersions(["20261121100004_x.sql"], 2, now), [
    "20261121100005",
    "20261121100006",
  ]);
  assert.deepEqual(nextVersions(["20270228235959_x.sql"], 1, now), ["20270301000000"]);
  refused(() => nextVersions(["99999999999999_x.sql"], 1, now), /is no time/);
});

test("a second installation changes nothing, whatever the ends of lines", () => {
  assert.equal(install(pack), 5);
  assert.deepEqual(migrations(), [
    "20261121100004_tocsin_20260101000100_one.sql",
    "20261121100005_tocsin_20260101000200_two.sql",
  ]);
  assert.equal(install(pack), 0);
  write("functions/tocsin-api/index.ts", "// api\r\n");
  assert.equal(install(pack), 0);
});

test("a file of the user's that has a function's name, or was changed, stops everything", () => {
  write("functions/tocsin-api/index.ts", "// mine\n");
  refused(() => plan(pack), /functions\/tocsin-api\/index\.ts[\s\S]*--overwrite/);
  assert.deepEqual(migrations(), []);
  assert.equal(read("functions/tocsin-api/index.ts"), "// mine\n");
  install(pack, { overwrite: true });
  assert.equal(read("functions/tocsin-api/index.ts"), "// api\n");

  const [first = ""] = migrations();
  write(`migrations/${first}`, "select 'mine';\n");
  refused(() => plan(pack), /_one\.sql/);
  refused(() => plan(newer, { command: "upgrade" }), /_one\.sql/);
});

test("a copy that was deleted is put back where it was", () => {
  install(pack);
  const [first = ""] = migrations();
  rmSync(join(root, "supabase/migrations", first));
  assert.equal(install(pack), 1);
  assert.equal(migrations()[0], first);
});

test("copies that two branches made are told", () => {
  install(pack);
  write("migrations/20261121110000_tocsin_20260101000100_one.sql", "select 1;\n");
  refused(() => plan(pack), /is there twice; the second copy is .*110000[\s\S]*Two branches/);
});

test("an upgrade brings what is new, takes away what is no more, and goes no way down", () => {
  refused(() => plan(newer, { command: "upgrade" }), /not installed/);
  install(pack);
  refused(() => plan(newer), /npx tocsin upgrade/);
  write("migrations/20261201000000_mine.sql", "select 'mine';\n");
  install(newer, { command: "upgrade" });
  assert.deepEqual(migrations().slice(2), [
    "20261201000000_mine.sql",
    "20261201000001_tocsin_20270101000100_three.sql",
  ]);
  assert.equal(existsSync(join(root, "supabase/functions/tocsin-api")), false);
  assert.equal(read("functions/tocsin-notify/index.ts"), "// notify\n");
  assert.equal(install(newer, { command: "upgrade" }), 0);
  refused(() => plan(pack, { command: "upgrade" }), /which is older/);
});

test("a released migration that is another one in this version is refused", () => {
  install(pack);
  const forged = new Map([...pack.migrations, ["20260101000100_one.sql", "select 0;\n"]]);
  refused(() => plan({ ...pack, migrations: forged }), /one of the two was no release/);
});

test("watches get a migration of their own, again only when they change", () => {
  const watch = {
    kind: "runs",
    name: "jobs",
    statement: "tocsin.watch_runs('public.jobs')",
    undo: "tocsin.unwatch_runs('public.jobs')",
  };
  install(pack, { watches: [watch] });
  const [, , file = ""] = migrations();
  assert.match(file, /^20261121100005_tocsin_watches\.sql$/);
  assert.match(read(`migrations/${file}`), /perform tocsin\.watch_runs\('public\.jobs'\);/);
  assert.equal(install(pack, { watches: [watch] }), 0);
  assert.equal(install(pack), 0, "nor when nobody asks the database");
  const odd = { ...watch, name: "odd", statement: "tocsin.watch_runs('public.\"$watch$\"')" };
  install(pack, { watches: [odd] });
  const text = read(`migrations/${migrations()[3] ?? ""}`);
  assert.match(text, /perform tocsin\.unwatch_runs\('public\.jobs'\);/);
  assert.match(text, /do \$watch1\$[\s\S]*"\$watch\$"[\s\S]*\$watch1\$;/);
});

test("taking it out leaves the project's files as they were, but for the history", () => {
  refused(() => planUninstall(findProject(root), pack, { now, overwrite: false }), /not installed/);
  write("functions/mine/index.ts", "// mine\n");
  install(pack);
  write("functions/tocsin-api/index.ts", "// changed\n");
  refused(() => planUninstall(findProject(root), pack, { now, overwrite: false }), /--overwrite/);
  applyChanges(
    join(root, "supabase"),
    planUninstall(findProject(root), pack, { now, overwrite: true }),
  );
  assert.deepEqual(migrations().slice(2), ["20261121100006_tocsin_uninstall.sql"]);
  assert.equal(existsSync(join(root, "supabase/functions/tocsin-api")), false);
  assert.equal(read("functions/mine/index.ts"), "// mine\n");
  assert.equal(read("config.toml"), `[api]\nschemas = ["public"]\n`);
  assert.equal(existsSync(join(root, "supabase/tocsin.json")), false);

  install(pack);
  assert.equal(migrations().length, 5, "installed again, all its migrations come again");
});

test("when a file cannot be written since a file is in its way, those before it are taken back", () => {
  write("functions", "a file where a folder is to be");
  refused(() => install(pack), /could not be written/);
  assert.deepEqual(migrations(), []);
  assert.equal(read("config.toml"), `[api]\nschemas = ["public"]\n`);
});

test("a project is found from below, and its absence is told", () => {
  mkdirSync(join(root, "app/src"), { recursive: true });
  assert.equal(findProject(join(root, "app/src")).root, root);
  refused(() => findProject(tmpdir()), /supabase init/);
});

test("a diff shows what differs, with two lines around it", () => {
  const text = ["a", "b", "c", "d", "e", "f", "g"];
  const changed = ["a", "b", "c", "d", "E", "E2", "f", "g"];
  assert.equal(diffLines(text.join("\n"), changed.join("\n")), " c\n d\n-e\n+E\n+E2\n f\n g");
});

test("a manifest that names files outside of supabase/ is not followed", () => {
  install(pack);
  writeFileSync(join(root, "mine.txt"), "mine\n");
  const manifest = JSON.parse(read("tocsin.json")) as { files: Record<string, string> };
  for (const path of ["functions/../../mine.txt", "/etc/hosts", "functions\\..\\..\\mine.txt"]) {
    write("tocsin.json", JSON.stringify({ ...manifest, files: { [path]: "0" } }));
    assert.throws(() => plan(newer, { command: "upgrade", overwrite: true }), CliError);
    assert.throws(
      () => planUninstall(findProject(root), pack, { now, overwrite: true }),
      /tocsin\.json/,
    );
  }
});
