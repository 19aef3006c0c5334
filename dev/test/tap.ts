// Runs a pgTAP file and reads what it prints: TAP lines with their diagnostics.

import { readFileSync } from "node:fs";
import pg from "pg";
import { explainSqlError, withClient } from "../database.ts";

export type Assertion = { ok: boolean; number: number; description: string; notes: string[] };
export type TapResult = {
  assertions: Assertion[];
  /** Why the file fails, one text per reason; empty when it passes. */
  problems: string[];
};

/** Judges a file's output; an error that ended it early counts as well. */
export function judgeTap(lines: string[], error?: string): TapResult {
  const assertions: Assertion[] = [];
  const problems: string[] = [];
  let planned: number | undefined;
  let skippedAll = false;
  for (const line of lines.flatMap((text) => text.split("\n"))) {
    const plan = /^1\.\.(\d+)(\s*#\s*skip)?/i.exec(line);
    const result = /^(not )?ok (\d+)(?:\s*-?\s*(.*))?$/.exec(line);
    if (plan) {
      planned = Number(plan[1]);
      skippedAll = plan[2] !== undefined;
    } else if (result) {
      const description = result[3] ?? "";
      // An expected failure, or an assertion that could not be made here.
      const excused = /#\s*(todo|skip)\b/i.test(description);
      const ok = result[1] === undefined || excused;
      assertions.push({ ok, number: Number(result[2]), description, notes: [] });
    } else if (line.startsWith("#")) {
      assertions.at(-1)?.notes.push(line.replace(/^# ?/, ""));
    }
  }
  for (const { ok, number, description, notes } of assertions) {
    if (ok) continue;
    const told = notes.filter((note) => !note.startsWith("Looks like you"));
    problems.push([`not ok ${number} - ${description}`, ...told].join("\n    "));
  }
  if (error) problems.push(error);
  else if (planned === undefined) problems.push("There is no plan: call plan(n) or no_plan().");
  else if (planned !== assertions.length && !skippedAll) {
    problems.push(`The plan says ${planned} assertions, ${assertions.length} were made.`);
  }
  return { assertions, problems };
}

export async function runPgtapFile(url: string, file: string): Promise<TapResult> {
  const text = readFileSync(file, "utf8");
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const lines: string[] = [];
  try {
    const error = await new Promise<unknown>((done) => {
      // Row by row, so that what was said before an error is not lost.
      const query = client.query(new pg.Query<Record<string, unknown>>(text));
      query.on("row", (row) => {
        lines.push(...Object.values(row ?? {}).filter((value) => typeof value === "string"));
      });
      query.on("error", done);
      query.on("end", () => done(undefined));
    });
    return judgeTap(lines, error === undefined ? undefined : explainSqlError(error, text));
  } finally {
    await client.end();
  }
}

/** True for a file that is one transaction and rolls it back. */
export function leavesNothing(file: string): boolean {
  const text = readFileSync(file, "utf8").trimEnd();
  return /^begin;$/m.test(text) && text.endsWith("\nrollback;") && !/^\s*commit\b/im.test(text);
}

/** What a rollback does not bring back: where each sequence stood. */
export type Sequences = { name: string; value: string; isCalled: boolean }[];

export function readSequences(url: string): Promise<Sequences> {
  return withClient(url, async (client) => {
    const { rows } = await client.query<Sequences[number]>(
      `select format('%I.%I', schemaname, sequencename) as name,
         coalesce(last_value, start_value) as value, last_value is not null as "isCalled"
       from pg_sequences
       where has_sequence_privilege(format('%I.%I', schemaname, sequencename), 'update')`,
    );
    return rows;
  });
}

export async function resetSequences(url: string, sequences: Sequences): Promise<void> {
  const statements = sequences.map(
    ({ name, value, isCalled }) => `select setval('${name}', ${value}, ${isCalled});`,
  );
  await withClient(url, (client) => client.query(statements.join("\n")));
}
