// Secrets of each kind go, near misses stay, and so does the text around them
// (tests/corpora/secrets.tsv): in the functions, and in what is stored of a report.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, test } from "node:test";
import { startTestDatabase } from "../dev/test/database.ts";

type Line = { kind: string; isJson: boolean; given: string; secrets: string[]; rest: string[] };

const file = new URL("./corpora/secrets.tsv", import.meta.url);
const lines: Line[] = readFileSync(file, "utf8")
  .split("\n")
  .filter((line) => line !== "" && !line.startsWith("#"))
  .map((line) => {
    const [kind = "", where = "", ...rest] = line.split("\t");
    const isJson = where === "json";
    const plain = rest.join("\t").replaceAll("~", "");
    const text = isJson ? plain : plain.replaceAll("\\n", "\n");
    const parts = text.split(/[«»]/);
    return {
      kind,
      isJson,
      given: parts.join(""),
      secrets: parts.filter((_, i) => i % 2 === 1),
      rest: parts.filter((_, i) => i % 2 === 0),
    };
  });

const server = await startTestDatabase();
after(() => server.stop());

function judge(line: Line, told: string): string | undefined {
  if (line.secrets.length === 0) {
    const same = line.isJson
      ? JSON.stringify(JSON.parse(told)) === JSON.stringify(sorted(JSON.parse(line.given)))
      : told === line.given;
    return same ? undefined : "a near miss was changed";
  }
  const shown = line.secrets.find((secret) => holds(line, told, secret));
  if (shown !== undefined) return `"${shown}" is still there`;
  if (!told.includes("[redacted:")) return "nothing says that something was there";
  if (line.isJson) return undefined;
  const words = line.rest.join(" ").match(/[A-Za-z]{3,}/g) ?? [];
  const lost = words.find((word) => !told.includes(word));
  return lost === undefined ? undefined : `"${lost}" is gone as well`;
}

/** A secret of one or two signs may stand in a mark by chance: it is looked for as a value. */
function holds(line: Line, told: string, secret: string): boolean {
  if (secret.length > 3) return told.includes(secret);
  return line.isJson ? new RegExp(`[:[,] ?"?${secret}["\\],}]`).test(told) : told.includes(secret);
}

/** jsonb keeps shorter keys first. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  const byLength = (a: string, b: string): number => a.length - b.length || (a < b ? -1 : 1);
  const entries = Object.entries(value).sort(([a], [b]) => byLength(a, b));
  return Object.fromEntries(entries.map(([key, inner]) => [key, sorted(inner)]));
}

test("Secrets of each kind go, and near misses stay", async (t) => {
  const db = await server.clone();
  const told = await db.sql<{ told: string }>(
    `select case when is_json then tocsin_internal.redact_metadata(given::jsonb)::text
       else tocsin_internal.redact(given) end as told
     from unnest($1::text[], $2::boolean[]) with ordinality as l (given, is_json, place)
     order by place`,
    [lines.map((line) => line.given), lines.map((line) => line.isJson)],
  );
  const wrong = lines.flatMap((line, i) => {
    const problem = judge(line, told[i]?.told ?? "");
    return problem === undefined
      ? []
      : [`${line.kind}: ${line.given} -> ${told[i]?.told}: ${problem}`];
  });
  for (const problem of wrong) t.diagnostic(problem);
  const hidden = lines.filter((line) => line.secrets.length > 0).length;
  t.diagnostic(
    `${new Set(lines.map((line) => line.kind)).size} kinds, ${hidden} lines with secrets, ` +
      `${lines.length - hidden} near misses, ${wrong.length} told wrongly`,
  );
  assert.deepEqual(wrong, []);
});

test("What is stored of a report holds none of them, wherever they stood", async () => {
  const db = await server.clone();
  const texts = lines.filter((line) => !line.isJson).map((line) => line.given);
  await db.sql(
    `select tocsin.report_error(null, 'x ' || given, 'worker', jsonb_build_object('a', given),
       p_stack => given, p_node => given, p_user_id => given, p_component => given)
     from unnest($1::text[]) as l (given)`,
    [texts],
  );
  await db.sql("select tocsin_internal.tick()");
  const [stored] = await db.sql<{ all: string; count: number }>(
    `select string_agg(e::text, chr(10)) || (select string_agg(g::text, chr(10))
       from tocsin.error_groups g) as all, count(*)::int as count from tocsin.error_metrics e`,
  );
  assert.equal(stored?.count, texts.length);
  const secrets = lines.filter((line) => !line.isJson).flatMap((line) => line.secrets);
  const shown = secrets.filter((secret) => secret.length > 6 && stored?.all.includes(secret));
  assert.deepEqual(shown, []);
});
