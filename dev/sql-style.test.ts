// The SQL style check sees what it is for, and nothing in strings and comments.

import assert from "node:assert/strict";
import { test } from "node:test";
import { checkSqlStyle } from "./sql-style.ts";

const messages = (text: string): string[] =>
  checkSqlStyle(text).map(({ line, message }) => `${line}: ${message}`);

test("good SQL has no findings", () => {
  assert.deepEqual(
    messages("-- SELECT is loud\nselect 'AND', \"OR\", 'it''s NOT' /* NULL\nIS */;\n"),
    [],
  );
});

test("a loud keyword is found, in a function's body too", () => {
  assert.deepEqual(messages("do $$\nBEGIN\nend $$;\n"), ["2: BEGIN: keywords in lower case"]);
});

test("columns, tabs, blanks and the last newline are looked at", () => {
  assert.deepEqual(messages(`select\t1; \nselect ${"1".repeat(100)}`), [
    "1: a tab; use spaces",
    "1: blanks at the end",
    "2: 107 columns; 100 are allowed",
    "2: no newline at the end",
  ]);
});
