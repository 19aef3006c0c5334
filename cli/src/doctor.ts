// doctor: the findings of tocsin.doctor(), for people and for programs. And what stands before it:
// a database in which Tocsin is not, or that does not answer.

import type { Database } from "./database.ts";

export type Finding = {
  check_name: string;
  status: "ok" | "warn" | "fail";
  detail: string;
  hint: string | null;
};

export async function askDoctor(database: Database): Promise<Finding[]> {
  try {
    const rows = await database.rows(
      "select check_name, status, detail, hint from tocsin.doctor()",
    );
    return rows.map(toFinding);
  } catch (error) {
    // what the Supabase CLI passes on has its code in the text only
    const told = `${(error as { code?: string }).code ?? ""} ${String(error)}`;
    if (!/3F000|42883|schema "tocsin" does not exist/.test(told)) throw error;
    return [
      {
        check_name: "tocsin is installed",
        status: "fail",
        detail: `The database at ${database.name} has no Tocsin.`,
        hint: "npx tocsin install, and then: supabase db push --remote",
      },
    ];
  }
}

export function toFinding(row: Record<string, unknown>): Finding {
  const status = row["status"];
  return {
    check_name: textOf(row["check_name"]),
    status: status === "ok" || status === "warn" ? status : "fail",
    detail: textOf(row["detail"]),
    hint: row["hint"] == null ? null : textOf(row["hint"]),
  };
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

/** 0: all is well. 1: something to look at. 2: something fails. */
export function exitCodeOf(findings: Finding[]): number {
  if (findings.some(({ status }) => status === "fail")) return 2;
  return findings.some(({ status }) => status === "warn") ? 1 : 0;
}

/** A table as wide as the terminal: what fails first, and below each line how to mend it. */
export function findingsTable(findings: Finding[], width = 100, isColored = false): string {
  const place = { fail: 0, warn: 1, ok: 2 };
  const color = { fail: 31, warn: 33, ok: 32 };
  const sorted = [...findings].sort((a, b) => place[a.status] - place[b.status]);
  const longest = Math.max(...sorted.map(({ check_name }) => check_name.length), 5);
  const indent = longest + 8;
  const lines = sorted.flatMap(({ check_name, status, detail, hint }) => {
    const word = status.padEnd(4);
    const shown = isColored ? `\u001b[${color[status]}m${word}\u001b[0m` : word;
    const [first = "", ...rest] = wrap(detail, width - indent);
    return [
      `${shown}  ${check_name.padEnd(longest)}  ${first}`.trimEnd(),
      ...rest.map((line) => " ".repeat(indent) + line),
      ...(hint === null
        ? []
        : wrap(`→ ${hint}`, width - indent).map((line) => " ".repeat(indent) + line)),
    ];
  });
  const count = (status: Finding["status"]): number =>
    findings.filter((finding) => finding.status === status).length;
  return [...lines, "", `${count("fail")} fail, ${count("warn")} warn, ${count("ok")} ok`].join(
    "\n",
  );
}

/** Breaks between words; a word that is too long, a command say, stays whole to be copied. */
function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(/\s+/)) {
    const last = lines[lines.length - 1];
    if (last !== undefined && last.length + 1 + word.length <= Math.max(width, 40)) {
      lines[lines.length - 1] = `${last} ${word}`;
    } else {
      lines.push(word);
    }
  }
  return lines;
}
