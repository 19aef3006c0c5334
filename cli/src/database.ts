// The project's database: over a URL with the driver, or, for a linked project, through the
// Supabase CLI, which has the right to ask it.

import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import postgres from "postgres";
import { CliError, messageOf } from "./errors.ts";
import type { Project } from "./project.ts";

export type Row = Record<string, unknown>;

export type Database = {
  /** Where it is, for people. */
  name: string;
  rows: (statement: string) => Promise<Row[]>;
  close: () => Promise<void>;
};

/** A text as SQL writes it; null for what is not given. */
export function literal(value: string | undefined): string {
  return value === undefined ? "null" : `'${value.replaceAll("'", "''")}'`;
}

export function openUrl(url: string): Database {
  let parsed: URL;
  try {
    parsed = new URL(url);
  } catch {
    throw new CliError("This is no address of a database.", urlHint);
  }
  if (!/^postgres(ql)?:$/.test(parsed.protocol) || parsed.hostname === "") {
    throw new CliError("This is no address of a database.", urlHint);
  }
  const isHere = /^(localhost|127\.0\.0\.1|\[::1\]|host\.docker\.internal)$/.test(parsed.hostname);
  const says = parsed.searchParams.has("sslmode") || parsed.searchParams.has("ssl");
  const sql = postgres(url, {
    max: 1,
    connect_timeout: 10,
    // the pooler in its transaction mode knows no prepared statements
    prepare: false,
    onnotice: ({ severity, message }) => {
      if (severity === "WARNING") console.error(`Warning: ${message ?? ""}`);
    },
    connection: { application_name: "tocsin" },
    ...(says ? {} : { ssl: isHere ? false : ("require" as const) }),
  });
  return {
    name: `${parsed.hostname}${parsed.port ? `:${parsed.port}` : ""}`,
    rows: async (statement) => {
      try {
        return [...(await sql.unsafe<Row[]>(statement))];
      } catch (error) {
        throw explain(error);
      }
    },
    close: () => sql.end({ timeout: 5 }),
  };
}

const urlHint =
  "It looks like postgresql://postgres.<ref>:<password>@<host>:5432/postgres and stands in the " +
  "dashboard under Connect. Characters such as @ or / in the password are written %40 and %2F.";

/** The server's error with its code and hint; a connection's with what may be the matter. */
function explain(error: unknown): Error {
  const { code, hint } = error as { code?: unknown; hint?: unknown };
  if (error instanceof postgres.PostgresError) {
    const isLogin = code === "28P01" || code === "28000";
    const known = isLogin ? "See to the user and the password in --db-url." : undefined;
    const failure = new CliError(
      `${error.message} (${error.code})`,
      typeof hint === "string" && hint !== "" ? hint : known,
    );
    return Object.assign(failure, { code: error.code });
  }
  const reason = typeof code === "string" ? `${code} ${messageOf(error)}` : messageOf(error);
  return new CliError(
    `The database does not answer: ${reason}`,
    "See to host and port in --db-url. A server without TLS needs ?sslmode=disable behind it.",
  );
}

/** The linked project, asked through `supabase db query --remote`. */
export function openLinked(project: Project, ref: string): Database {
  return {
    name: `the linked project ${ref}`,
    rows: async (statement) => {
      const folder = mkdtempSync(join(tmpdir(), "tocsin-"));
      try {
        const file = join(folder, "statement.sql");
        writeFileSync(file, statement, { mode: 0o600 });
        const { code, stdout, stderr } = await runSupabase(project, [
          ...["db", "query", "--remote", "--output", "json", "--agent", "no", "--yes"],
          ...["--file", file],
        ]);
        if (code !== 0) {
          throw new CliError(
            `The Supabase CLI could not ask the linked project: ${reasonIn(stderr || stdout)}`,
            "Sign in with: supabase login. Or give the database itself: --db-url postgresql://…",
          );
        }
        return parseRows(stdout);
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    },
    close: () => Promise.resolve(),
  };
}

export function parseRows(output: string): Row[] {
  let value: unknown;
  try {
    value = JSON.parse(output);
  } catch {
    value = undefined;
  }
  // as the CLI wraps them for programs
  if (typeof value === "object" && value !== null && "rows" in value) value = value.rows;
  if (Array.isArray(value)) return value as Row[];
  throw new CliError(
    `The Supabase CLI answered with something else than rows: ${reasonIn(output)}`,
    "It has to be version 3 or later. Or give the database itself: --db-url postgresql://…",
  );
}

/** The Supabase CLI of the project, else the one on the path. */
function runSupabase(
  project: Project,
  args: string[],
): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((done, fail) => {
    const child = spawn(supabaseBinary(project), args, {
      cwd: project.root,
      stdio: ["inherit", "pipe", "pipe"],
      shell: process.platform === "win32",
    });
    let stdout = "";
    let stderr = "";
    child.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString()));
    child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
    child.once("error", (error) =>
      fail(
        new CliError(
          `The Supabase CLI could not be started: ${messageOf(error)}`,
          "Install it (npm i -D supabase), or give the database itself: --db-url postgresql://…",
        ),
      ),
    );
    child.once("close", (code) => done({ code: code ?? 1, stdout, stderr }));
  });
}

function supabaseBinary(project: Project): string {
  for (let folder = project.root; ; folder = dirname(folder)) {
    const binary = join(folder, "node_modules/.bin/supabase");
    if (existsSync(binary)) return process.platform === "win32" ? `"${binary}.cmd"` : binary;
    if (dirname(folder) === folder) return "supabase";
  }
}

/** The major version of the user's Supabase CLI; 3 when there is none to ask. */
export async function supabaseMajor(project: Project): Promise<number> {
  const answer = await runSupabase(project, ["--version"]).catch(() => undefined);
  const major = /(\d+)\.\d+\.\d+/.exec(answer?.stdout ?? "")?.[1];
  return major === undefined ? 3 : Number(major);
}

/** What the CLI says went wrong, without what it says besides. */
function reasonIn(output: string): string {
  return output
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !/^(Target:|Confirmed by|Try rerunning)/.test(line))
    .join(" ")
    .slice(0, 500);
}
