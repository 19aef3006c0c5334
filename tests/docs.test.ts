// The docs keep up with the code: links lead somewhere, and the reference pages are complete.

import assert from "node:assert/strict";
import { existsSync, globSync, readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { test } from "node:test";
import { z } from "zod";
import { repository } from "../dev/paths.ts";

const read = (file: string): string => readFileSync(join(repository, file), "utf8");
const find = (...patterns: string[]): string[] =>
  globSync(patterns, { cwd: repository, exclude: ["**/node_modules/**", ".local/**"] }).sort();

/** All that a pattern's first group matches in the files, once each. */
function mentioned(files: string[], pattern: RegExp): string[] {
  const found = files.flatMap((file) => [...read(file).matchAll(pattern)].map(([, name]) => name));
  return [...new Set(found)].filter((name) => name !== undefined).sort();
}

test("every link and picture leads to a file, and to its heading if it names one", () => {
  const broken = find("*.md", "docs/**/*.md").flatMap((page) =>
    mentioned([page], /(?:\]\(|src(?:set)?=")(?!https?:)([^)"\s]+)/g).filter((link) => {
      const [path = "", heading] = link.split("#");
      const target = path === "" ? page : join(dirname(page), path);
      if (!existsSync(join(repository, target))) return true;
      return heading !== undefined && !headings(read(target)).includes(heading);
    }),
  );
  assert.deepEqual(broken, []);
});

/** The headings of a page as links name them. */
function headings(page: string): string[] {
  return [...page.matchAll(/^#+ (.+)$/gm)].map(([, text = ""]) =>
    text
      .toLowerCase()
      .replace(/[^\w\s-]/g, "")
      .replace(/\s/g, "-"),
  );
}

test("every function secret that is read is in the reference, and no other", () => {
  const sources = find("supabase/functions/**/*.ts").filter(
    (file) => !/_test\.ts$|\/testing\//.test(file),
  );
  const used = mentioned(sources, /"((?:TOCSIN|RESEND|SUPABASE|SENTRY|ROLLBAR|TWILIO)_[A-Z_]+)"/g);
  const listed = mentioned(["docs/reference/function-secrets.md"], /^\| `([A-Z_]+)`/gm);
  assert.ok(used.length > 5);
  assert.deepEqual(listed, used);
});

test("every SQLSTATE of Tocsin's own is in the reference, and no other", () => {
  const raised = mentioned(
    find("supabase/migrations/*.sql", "cli/sql/*.sql"),
    /(?:errcode = '|"code": "|'code', '|refusal\(\d+, ')(TC\d{3})/g,
  );
  const listed = mentioned(["docs/reference/errors.md"], /^\| `(TC\d{3})`/gm);
  assert.ok(raised.length > 10);
  assert.deepEqual(listed, raised);
});

test("every check of the doctor is in its reference, and no other", () => {
  const files = find("supabase/migrations/*.sql").filter((file) =>
    /function tocsin_internal\.check_/.test(read(file)),
  );
  const made = files.flatMap((file) => {
    const checks = read(file)
      .split(/^(?=create function )/m)
      .filter((text) => /check_name text, status text/.test(text));
    return checks.flatMap((text) => [
      ...[
        ...text.matchAll(/(?:return query )?select '(?!supabase )([a-z][a-z -]*)'(?:,| \|\|)/g),
      ].map(([, name = ""]) => name),
      ...[...text.matchAll(/'(watching [a-z ]*)' \|\|/g)].map(([, name = ""]) => name),
      ...[...text.matchAll(/check_job\('tocsin-(\w+)'/g)].map(
        ([, job = ""]) => `${job} is scheduled`,
      ),
    ]);
  });
  const names = [...new Set(made.map((name) => (name.endsWith(" ") ? `${name}…` : name)))];
  const listed = mentioned(["docs/reference/doctor.md"], /^\| `([a-z][^`]+)`/gm);
  assert.ok(names.length > 20);
  assert.deepEqual(listed, [...names, "tocsin is installed"].sort());
});

test("every kind of channel has its page, every placeholder of a template is in the reference", () => {
  const channels = read(find("supabase/migrations/*_channels.sql")[0] ?? "");
  const kinds = /create type tocsin.channel_kind as enum \((.*?)\)/.exec(channels)?.[1] ?? "";
  const pages = find("docs/reference/channels/*.md").map((page) => basename(page, ".md"));
  assert.deepEqual([...kinds.matchAll(/'(\w+)'/g)].map(([, kind]) => kind).sort(), pages);

  const known = mentioned(find("supabase/migrations/*_templates.sql"), /^ {4}\('([a-z_]+)', '/gm);
  const page = read("docs/reference/templates.md");
  const table = page.slice(page.indexOf("| placeholder"), page.indexOf("`select * from"));
  const listed = [...table.matchAll(/`([a-z_]+)`/g)].map(([, name]) => name).sort();
  assert.ok(known.length > 20);
  assert.deepEqual(listed, known);
});

test("every built-in rule of classification is in the reference, and no other", () => {
  const rules = mentioned(
    find("supabase/migrations/*_classification.sql"),
    /^ {4}\(\d+, '([a-z_]+)',/gm,
  );
  const page = read("docs/reference/errors-classification.md");
  const table = page.slice(page.indexOf("| rules"), page.indexOf("A rule without"));
  const listed = [...table.matchAll(/`([a-z_]+)`/g)].map((match) => match[1]).sort();
  assert.ok(rules.length > 30);
  assert.deepEqual(listed, rules);
});

test("every route, metric and error code of tocsin-api is in its reference", () => {
  const page = read("docs/reference/api.md");
  const sources = find("supabase/functions/tocsin-api/**/*.ts").filter(
    (file) => !/_test\.ts$|\/testing\//.test(file),
  );
  const codes = [
    ...mentioned(sources, /(?:\bcode: |unavailable\(\s*)"([a-z_]+)"/g),
    ...mentioned(["supabase/functions/_shared/json_body.ts"], /BodyError\(\s*\d+,\s*"([a-z_]+)"/g),
  ];
  const routes = mentioned(sources, /\bmethod: ("[A-Z]+", path: "\/[^"]+)"/g);
  const expected = [
    ...routes.map((route) => `${route.replaceAll('"', "").replace(", path:", "")}\``),
    ...mentioned(sources, /\bname: "(tocsin_[a-z_]+)"/g).map((name) => `| \`${name}\``),
    ...codes.filter((code) => code !== "custom").map((code) => `\`${code}\``),
  ];
  assert.ok(routes.length >= 5 && expected.length > 30);
  assert.deepEqual(
    expected.filter((text) => !page.includes(text)),
    [],
  );
});

test("every kind of alert has its page, with each of its parameters and their defaults", () => {
  const kinds = find("supabase/migrations/*.sql").flatMap((file) => [
    ...read(file).matchAll(
      /^ {2}\('([a-z_]+)', '(?:event|measure)', [\s\S]*?\$json\$([\s\S]*?)\$json\$\)/gm,
    ),
  ]);
  assert.ok(kinds.length > 10);
  const listed = mentioned(["docs/reference/alert-kinds.md"], /^\| \[`([a-z_]+)`\]/gm);
  assert.deepEqual(listed, kinds.map(([, kind]) => kind).sort());
  for (const [, kind, json = "[]"] of kinds) {
    const page = read(`docs/reference/alert-kinds/${kind}.md`);
    const rows = [...page.matchAll(/^\| `([a-z_]+)` +\| (.+?) +\|/gm)].map(([, name, value]) => [
      name,
      value,
    ]);
    const parameters = z
      .array(z.looseObject({ name: z.string(), default: z.unknown() }))
      .parse(JSON.parse(json))
      .map((parameter) => [parameter.name, written(parameter.default)]);
    assert.deepEqual(rows, parameters, kind);
  }
});

/** A default as the pages of kinds write it. */
function written(value: unknown): string {
  if (value === null) return "–";
  const json = JSON.stringify(value);
  return json.length < 60 ? `\`${json}\`` : "see below";
}

test("every figure of tocsin.self_metrics is in its reference, and no other", () => {
  const told = mentioned(
    ["supabase/migrations/20260101002030_self_metrics.sql"],
    /^ {4}\(\d+, '([a-z0-9_]+)', '/gm,
  );
  assert.ok(told.length > 15);
  const listed = mentioned(["docs/reference/self-metrics.md"], /^\| `([a-z0-9_]+)`/gm);
  assert.deepEqual(listed, told);
});
