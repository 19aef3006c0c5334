// npx tocsin: reads the arguments, does one command, tells how it went.

import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { openLinked, openUrl, supabaseMajor, type Database } from "./database.ts";
import { askDoctor, exitCodeOf, findingsTable, type Finding } from "./doctor.ts";
import { CliError } from "./errors.ts";
import { commands, helpOf } from "./help.ts";
import { planInstall } from "./install.ts";
import { readPack, readVersion } from "./pack.ts";
import { applyChanges, describeChanges, type Change } from "./plan.ts";
import { findProject, linkedRef, localPort, type Project } from "./project.ts";
import { setUp } from "./setup.ts";
import { planUninstall } from "./uninstall.ts";
import { readWatches } from "./watches.ts";

const flags = {
  help: { type: "boolean", short: "h" },
  version: { type: "boolean", short: "v" },
  "dry-run": { type: "boolean" },
  overwrite: { type: "boolean" },
  print: { type: "boolean" },
  json: { type: "boolean" },
  local: { type: "boolean" },
  linked: { type: "boolean" },
  "db-url": { type: "string" },
  url: { type: "string" },
  operator: { type: "string" },
  watch: { type: "string", multiple: true },
} as const;

type Values = { [name in keyof typeof flags]?: string | boolean | string[] };

const databaseFlags = ["db-url", "local", "linked"];
/** The commands, each with its options. */
export const known: Record<string, string[]> = {
  install: ["dry-run", "overwrite", ...databaseFlags],
  upgrade: ["dry-run", "overwrite", ...databaseFlags],
  setup: ["url", "operator", "watch", ...databaseFlags],
  doctor: ["json", ...databaseFlags],
  uninstall: ["dry-run", "overwrite", "print"],
};

/** Runs one command; answers with the exit code. */
export async function main(args: string[], folder = process.cwd()): Promise<number> {
  try {
    return await run(args, folder);
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    console.error(`✖ ${error.message}`);
    if (error.hint !== undefined) console.error(`  ${error.hint}`);
    return 3;
  }
}

async function run(args: string[], folder: string): Promise<number> {
  const { command, values } = readArguments(args);
  if (values.version === true) {
    console.log(readVersion());
    return 0;
  }
  if (command === undefined || values.help === true) {
    console.log(helpOf(command));
    return 0;
  }
  if (command === "install" || command === "upgrade") return install(command, values, folder);
  if (command === "setup") return setup(values, folder);
  if (command === "doctor") return doctor(values, folder);
  return uninstall(values, folder);
}

function readArguments(args: string[]): { command: string | undefined; values: Values } {
  let parsed;
  try {
    parsed = parseArgs({ args, options: flags, allowPositionals: true });
  } catch (error) {
    throw new CliError((error as Error).message, "npx tocsin --help lists what there is.");
  }
  const [command, extra] = parsed.positionals;
  if (command === undefined || command === "help") return { command: extra, values: parsed.values };
  const allowed = known[command];
  if (allowed === undefined) {
    throw new CliError(
      `There is no command "${command}".`,
      `The commands are: ${commands.join(", ")}.`,
    );
  }
  if (extra !== undefined) {
    throw new CliError(`"${extra}" is one word too many.`, `npx tocsin ${command} --help`);
  }
  const wrong = Object.keys(parsed.values).find(
    (name) => ![...allowed, "help", "version"].includes(name),
  );
  if (wrong !== undefined) {
    throw new CliError(`tocsin ${command} has no --${wrong}.`, `npx tocsin ${command} --help`);
  }
  if (databaseFlags.filter((name) => name in parsed.values).length > 1) {
    throw new CliError("Give one of --db-url, --local and --linked.");
  }
  return { command, values: parsed.values };
}

async function install(
  command: "install" | "upgrade",
  values: Values,
  folder: string,
): Promise<number> {
  const project = findProject(folder);
  const pack = readPack();
  const isAsked = databaseFlags.some((name) => name in values);
  const watches = isAsked
    ? await withDatabase(values, project, (database) => readWatches(database))
    : undefined;
  const plan = planInstall(project, pack, {
    command,
    now: new Date(),
    overwrite: values.overwrite === true,
    watches,
  });
  for (const note of plan.notes) console.log(`Note: ${note}`);
  if (values["dry-run"] === true) return showChanges(plan.changes);
  applyChanges(project.folder, plan.changes);
  if (plan.changes.length === 0) {
    console.log(`Tocsin ${pack.version} is in ${project.folder}; nothing had to be changed.`);
  } else {
    console.log(`Tocsin ${pack.version} is in ${project.folder} now:`);
    console.log(summary(plan.changes));
  }
  const remote = (await supabaseMajor(project)) >= 3 ? " --remote" : "";
  const setupStep =
    command === "install"
      ? "npx tocsin setup --operator you@example.com --watch public.your_runs"
      : "npx tocsin setup";
  console.log(`
Next, with the project linked (supabase link):

  1. supabase db push${remote} && supabase config push
  2. supabase functions deploy tocsin-notify tocsin-api
  3. ${setupStep}

On a local stack (supabase start): supabase migration up, supabase functions serve, and
${setupStep} --local`);
  return 0;
}

async function setup(values: Values, folder: string): Promise<number> {
  const project = tryFindProject(folder);
  const url = typeof values.url === "string" ? values.url : usualUrl(values, project);
  const operator = typeof values.operator === "string" ? values.operator : undefined;
  const tables = Array.isArray(values.watch) ? values.watch : [];
  return withDatabase(values, project, async (database) => {
    const say = (line: string): void => console.log(line);
    const findings = await setUp(database, { url, operator, tables }, say, sleep);
    return tell(findings);
  });
}

/** Where the project's functions answer, when it can be known; undefined leaves what is set. */
function usualUrl(values: Values, project: Project | undefined): string | undefined {
  if (project === undefined) return undefined;
  // seen from the database's container, which is what calls
  if (values.local === true) {
    return `http://host.docker.internal:${localPort(project, "api")}/functions/v1`;
  }
  const ref = linkedRef(project);
  if (ref === undefined || "db-url" in values) return undefined;
  return `https://${ref}.supabase.co/functions/v1`;
}

async function doctor(values: Values, folder: string): Promise<number> {
  return withDatabase(values, tryFindProject(folder), async (database) => {
    const findings = await askDoctor(database);
    if (values.json !== true) return tell(findings);
    console.log(JSON.stringify(findings, null, 2));
    return exitCodeOf(findings);
  });
}

function tell(findings: Finding[]): number {
  const isColored = process.stdout.isTTY && process.env["NO_COLOR"] === undefined;
  console.log(findingsTable(findings, process.stdout.columns ?? 100, isColored));
  return exitCodeOf(findings);
}

function uninstall(values: Values, folder: string): number {
  const pack = readPack();
  if (values.print === true) {
    console.log(pack.uninstall);
    return 0;
  }
  const project = findProject(folder);
  const overwrite = values.overwrite === true;
  const changes = planUninstall(project, pack, { now: new Date(), overwrite });
  if (values["dry-run"] === true) return showChanges(changes);
  applyChanges(project.folder, changes);
  console.log(`Tocsin is out of ${project.folder}:`);
  console.log(summary(changes));
  console.log(`
Next:

  1. supabase db push --remote && supabase config push
  2. supabase functions delete tocsin-notify && supabase functions delete tocsin-api

The first removes all that Tocsin has counted and stored. Its migrations stay in your project: they
are its history, and the last of them takes out what the others brought.`);
  return 0;
}

function showChanges(changes: Change[]): number {
  console.log(changes.length === 0 ? "Nothing would change." : describeChanges(changes));
  return 0;
}

/** How many files of which kind, and config.toml by name. */
function summary(changes: Change[]): string {
  const kinds = new Map<string, number>();
  for (const { path, before, after } of changes) {
    const verb = before === undefined ? "new" : after === undefined ? "removed" : "changed";
    const area = path.split("/")[0] ?? "";
    const what = path.includes("/") ? `files in supabase/${area}` : `supabase/${path}`;
    kinds.set(`${verb} ${what}`, (kinds.get(`${verb} ${what}`) ?? 0) + 1);
  }
  return [...kinds]
    .map(([what, count]) => `  ${what.includes("files") ? what.replace(" ", ` ${count} `) : what}`)
    .join("\n");
}

/** A project is only needed where the database is to be found by it. */
function tryFindProject(folder: string): Project | undefined {
  try {
    return findProject(folder);
  } catch {
    return undefined;
  }
}

async function withDatabase<Result>(
  values: Values,
  project: Project | undefined,
  work: (database: Database) => Promise<Result>,
): Promise<Result> {
  const database = openDatabase(values, project);
  try {
    return await work(database);
  } finally {
    await database.close();
  }
}

function openDatabase(values: Values, project: Project | undefined): Database {
  if (typeof values["db-url"] === "string") return openUrl(values["db-url"]);
  if (project !== undefined && values.local === true) {
    return openUrl(`postgresql://postgres:postgres@127.0.0.1:${localPort(project, "db")}/postgres`);
  }
  const ref = project && linkedRef(project);
  if (project === undefined || ref === undefined) {
    throw new CliError(
      "Which database? No project is linked here.",
      "supabase link, or --local, or --db-url postgresql://…",
    );
  }
  return openLinked(project, ref);
}
