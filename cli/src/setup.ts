// setup: the first steps, by tocsin.setup(), and then what the doctor finds once the first ring of
// tocsin-notify has been answered.

import { CliError } from "./errors.ts";
import { literal, type Database } from "./database.ts";
import { askDoctor, type Finding } from "./doctor.ts";

export async function setUp(
  database: Database,
  steps: { url: string | undefined; operator: string | undefined; tables: string[] },
  say: (line: string) => void,
  sleep: (milliseconds: number) => Promise<void>,
): Promise<Finding[]> {
  const installed = await database.rows("select to_regnamespace('tocsin')::text as schema");
  if (installed[0]?.["schema"] == null) {
    throw new CliError(
      `The database at ${database.name} has no Tocsin yet.`,
      "npx tocsin install, and then: supabase db push --remote",
    );
  }
  for (const table of steps.tables) {
    const [found] = await database.rows(`select to_regclass(${literal(table)})::text as name`);
    if (found?.["name"] == null) {
      throw new CliError(
        `There is no table ${table} in the database at ${database.name}.`,
        "Name it with its schema: --watch public.jobs. Nothing was changed.",
      );
    }
  }
  await database.rows(
    `select check_name from tocsin.setup(${literal(steps.url)}, ${literal(steps.operator)})`,
  );
  for (const table of steps.tables) {
    const [watched] = await database.rows(
      `select source_id from tocsin.watch_runs(${literal(table)})`,
    );
    say(`Watching ${table} as "${String(watched?.["source_id"])}".`);
  }
  if (steps.operator !== undefined) {
    const [told] = await database.rows(
      `select tocsin_internal.tell_of_every_failure(${literal(steps.operator)}) as is_new`,
    );
    if (told?.["is_new"] === true) {
      say(`Every failed run is told to ${steps.operator}: a row of tocsin.alert_settings.`);
    }
  }
  // setup() has rung once, and the heart beats each five seconds: what it finds is known soon
  let findings = await askDoctor(database);
  for (const until = Date.now() + 15_000; Date.now() < until && findings.some(isPending);) {
    await sleep(2_000);
    findings = await askDoctor(database);
  }
  return findings;
}

function isPending({ check_name, detail, status }: Finding): boolean {
  return (
    (check_name === "tocsin-notify answers" && detail.startsWith("No answer")) ||
    (check_name === "heart beats" && status !== "ok")
  );
}
