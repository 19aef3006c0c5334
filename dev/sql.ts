// Runs SQL on the running local stack, for machines without psql:
//   node dev/sql.ts "select 1"      node dev/sql.ts -f file.sql
// As `postgres`, or with --role NAME as another. TOCSIN_DB_URL chooses another database.

import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import type pg from "pg";
import { explainSqlError, withClient } from "./database.ts";
import { runningStack } from "./state.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { file: { type: "string", short: "f" }, role: { type: "string" } },
});
const text = values.file ? readFileSync(values.file, "utf8") : positionals.join(" ");
if (!text.trim()) {
  console.error('Nothing to run. Use: node dev/sql.ts "select 1", or: node dev/sql.ts -f file.sql');
  process.exit(2);
}
const target = process.env["TOCSIN_DB_URL"] ?? runningStack()?.databaseUrl;
if (!target) {
  console.error("The local stack is not running. Start it with: npm start");
  process.exit(1);
}
const url = new URL(target);
if (values.role) url.username = values.role;

await withClient(url.href, async (client) => {
  client.on("notice", ({ severity, message }) => console.error(`${severity}: ${message}`));
  try {
    const answer: pg.QueryResult | pg.QueryResult[] = await client.query({
      text,
      // Values as the server writes them.
      types: { getTypeParser: () => (value: string) => value },
    });
    for (const result of [answer].flat()) show(result);
  } catch (error) {
    console.error(explainSqlError(error, text));
    process.exitCode = 1;
  }
});

function show(result: pg.QueryResult): void {
  if (result.fields.length > 0) console.table(result.rows);
  else console.log(result.command, result.rowCount ?? "");
}
