// config.toml is edited as text: everything else stays as it was written, whatever its style.

import assert from "node:assert/strict";
import { test } from "node:test";
import { parse } from "smol-toml";
import { remotesWithoutSchema, withoutTocsin, withTocsin } from "../src/config.ts";
import { CliError } from "../src/errors.ts";

const entries = `
[functions.tocsin-notify]
verify_jwt = false

[functions.tocsin-api]
verify_jwt = false
`;

/** Styles of one setting, each with what is to become of it. */
const styles: [name: string, before: string, after: string][] = [
  [
    "one line, with a comment behind it",
    `project_id = "x" # mine\n\n[api]\nport = 1\nschemas = ["public"] # ours\n# the end\n`,
    `project_id = "x" # mine\n\n[api]\nport = 1\nschemas = ["public", "tocsin"] # ours\n# the end\n`,
  ],
  [
    "one line a name, with comments that hold brackets and quotes",
    `[api]\nschemas = [\n  "public", # "the ]usual\n  'odd,\\name' # ]\n]\n`,
    `[api]\nschemas = [\n  "public", # "the ]usual\n  'odd,\\name',\n  'tocsin' # ]\n]\n`,
  ],
  [
    "a comma behind the last",
    `[api]\nschemas = [\n\t"public",\n\t"graphql_public",\n]\nport = 2\n`,
    `[api]\nschemas = [\n\t"public",\n\t"graphql_public",\n\t"tocsin",\n]\nport = 2\n`,
  ],
  ["nothing exposed", `[api]\nschemas = [ ]\n`, `[api]\nschemas = ["tocsin" ]\n`],
  [
    "no schemas: the usual ones",
    `[api] # the API\nenabled = true\n`,
    `[api] # the API\nschemas = ["public", "graphql_public", "tocsin"]\nenabled = true\n`,
  ],
  [
    "a heading in quotes, a bracket in a text of several lines",
    `note = """\n[api]\nschemas = ["not me"]\n"""\n["api"]\n"schemas" = ["public"]\n`,
    `note = """\n[api]\nschemas = ["not me"]\n"""\n["api"]\n"schemas" = ["public", "tocsin"]\n`,
  ],
];

for (const [name, before, after] of styles) {
  test(`exposes the schema where it is written so: ${name}`, () => {
    assert.equal(withTocsin(before), after + entries);
    assert.equal(withTocsin(withTocsin(before)), after + entries, "and nothing the second time");
  });
}

test("a file without [api], without an end of its last line, or empty gets the section", () => {
  const section = `[api]\nschemas = ["public", "graphql_public", "tocsin"]\n`;
  assert.equal(withTocsin(""), section + entries);
  assert.equal(withTocsin(`project_id = "x"`), `project_id = "x"\n\n${section}${entries}`);
});

test("lines that end as on Windows go on ending so", () => {
  const edited = withTocsin(`[api]\r\nschemas = [\r\n  "public"\r\n]\r\n`);
  assert.equal(edited.replaceAll("\r\n", "").includes("\n"), false);
  assert.equal(
    edited.startsWith(`[api]\r\nschemas = [\r\n  "public",\r\n  "tocsin"\r\n]\r\n`),
    true,
  );
});

test("an entry of the function that says nothing of verify_jwt gets the line, and keeps the rest", () => {
  const edited = withTocsin(`[functions.tocsin-api] # mine\nenabled = true\n`);
  assert.match(edited, /^\[functions\.tocsin-api\] # mine\nverify_jwt = false\nenabled = true\n/);
});

test("what cannot be edited safely is refused with what to write, and so is verify_jwt = true", () => {
  const refused = (text: string, pattern: RegExp): void => {
    assert.throws(
      () => withTocsin(text),
      (error) =>
        error instanceof CliError && pattern.test(error.message) && (error.hint ?? "").length > 20,
    );
  };
  refused(`api = { schemas = ["public"] }\n`, /cannot edit safely/);
  refused(`api.port = 1\n`, /cannot edit safely/);
  refused(`[api]\nschemas = "public"\n`, /no list of names/);
  refused(`[functions]\ntocsin-api = { enabled = true }\n`, /cannot edit safely/);
  refused(`[functions.tocsin-notify]\nverify_jwt = true\n`, /verify_jwt = true for tocsin-notify/);
  refused(`[api\n`, /cannot be read/);
});

test("taking it out gives back the text that was there before", () => {
  for (const [name, before] of styles) {
    if (/usual ones|nothing exposed/.test(name)) continue; // they say now what they meant before
    assert.equal(withoutTocsin(withTocsin(before)), before, name);
  }
  const first = `[api]\nschemas = ["tocsin", "public"]\n[functions.tocsin-api]\nverify_jwt = false\n[db]\n`;
  assert.equal(
    JSON.stringify(parse(withoutTocsin(first))),
    `{"api":{"schemas":["public"]},"db":{}}`,
  );
  assert.equal(withoutTocsin(`[api]\nport = 1\n`), `[api]\nport = 1\n`);
});

test("branches that name schemas of their own are found", () => {
  const config = parse(`[remotes.a.api]\nschemas = ["public"]
[remotes.b.api]\nschemas = ["tocsin"]\n[remotes.c.db]\nseed = 1`);
  assert.deepEqual(remotesWithoutSchema(config), ["a"]);
});
