// The part of the house style for SQL that a machine can see: lower-case keywords, 100 columns, no
// tabs, no blanks at a line's end, a newline at the file's end.

import { readFileSync } from "node:fs";

const keywords = new RegExp(
  `\\b(${[
    "SELECT|INSERT|UPDATE|DELETE|FROM|WHERE|GROUP|ORDER|HAVING|LIMIT|OFFSET|UNION|JOIN|LEFT|INNER",
    "OUTER|CROSS|LATERAL|VALUES|RETURNING|CONFLICT|CREATE|ALTER|DROP|TABLE|VIEW|INDEX|FUNCTION",
    "TRIGGER|POLICY|SCHEMA|EXTENSION|SEQUENCE|TYPE|ENUM|GRANT|REVOKE|COMMENT|PRIMARY|FOREIGN|KEY",
    "REFERENCES|CONSTRAINT|CHECK|UNIQUE|DEFAULT|NOT|NULL|AND|OR|IN|IS|AS|ON|WITH|CASE|WHEN|THEN",
    "ELSE|END|BEGIN|COMMIT|ROLLBACK|DECLARE|LOOP|IF|FOR|RAISE|PERFORM|EXECUTE|RETURN|RETURNS",
    "LANGUAGE|SECURITY|DEFINER|INVOKER|STABLE|VOLATILE|IMMUTABLE|TRUE|FALSE|EXISTS|REPLACE|USING",
    "SET|TO|BY|DO|INTO|ARRAY|INTEGER|TEXT|BOOLEAN|TIMESTAMPTZ|JSONB|UUID|BIGINT|INT",
  ].join("|")})\\b`,
  "g",
);

export type Finding = { line: number; message: string };

export function checkSqlStyle(text: string): Finding[] {
  const findings: Finding[] = [];
  const bare = blankOut(text).split("\n");
  for (const [index, line] of text.split("\n").entries()) {
    const say = (message: string): void => void findings.push({ line: index + 1, message });
    if (line.length > 100) say(`${line.length} columns; 100 are allowed`);
    if (line.includes("\t")) say("a tab; use spaces");
    if (/\s$/.test(line)) say("blanks at the end");
    for (const [word] of bare[index]?.matchAll(keywords) ?? [])
      say(`${word}: keywords in lower case`);
  }
  if (!text.endsWith("\n")) findings.push({ line: bare.length, message: "no newline at the end" });
  return findings;
}

export function checkSqlFile(file: string): Finding[] {
  return checkSqlStyle(readFileSync(file, "utf8"));
}

/**
 * The text with comments, strings and quoted names blanked out, lines kept. The bodies of functions
 * stay: between dollars is code, mostly.
 */
function blankOut(text: string): string {
  const parts = /--[^\n]*|\/\*[^]*?\*\/|'(?:[^']|'')*'|"(?:[^"]|"")*"/g;
  return text.replace(parts, (part) => part.replace(/[^\n]/g, " "));
}
