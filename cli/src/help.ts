// What --help prints.

const where = `Which database:
  --db-url URL     this one: postgresql://user:password@host:port/postgres
  --local          the one that supabase start runs
  --linked         the project that supabase link has linked (the default; needs the Supabase CLI 3)`;

const pages: Record<string, string> = {
  "": `tocsin: run metrics, error tracking, queue health and alerting in your Supabase project

  npx tocsin install      copies it into this project
  npx tocsin upgrade      brings what a newer version has
  npx tocsin setup        the first steps in its database
  npx tocsin doctor       is everything well?
  npx tocsin uninstall    takes it out again

  npx tocsin <command> --help says more. Run it in your project's folder, or below it.
`,
  install: `npx tocsin install: copies Tocsin into the Supabase project of this folder

It writes the migrations under new timestamps, the functions tocsin-notify and tocsin-api, and what
they need in supabase/config.toml, and remembers what it wrote in supabase/tocsin.json. It touches no
database. Safe to run again: it changes nothing that is there already.

  --dry-run        show what it would change, and change nothing
  --overwrite      write over files of Tocsin's that you changed
  --db-url URL     also copy what that database watches into a migration, for branches; or --local,
                   --linked
`,
  upgrade: `npx tocsin upgrade: brings what this version has and your project has not

Copies new migrations under new timestamps, and replaces the functions. Read the changelog, try it on
a branch first, then: supabase db push --remote, and supabase functions deploy.

  --dry-run        show what it would change, and change nothing
  --overwrite      write over files of Tocsin's that you changed
  --db-url URL     also copy what that database watches into a migration, for branches; or --local,
                   --linked
`,
  setup: `npx tocsin setup: the first steps, safe to repeat

Tells the database where Edge Functions answer and who the first operator is, makes the token with
which functions are rung, the cron jobs, the queues and the triggers again where they are missing, and
shows what the doctor finds.

  --url URL        where Edge Functions answer: https://<ref>.supabase.co/functions/v1 (left out: of
                   the linked project, or of the local one)
  --operator MAIL  the address with which the operator signs in to your app, now or later; until there
                   is another setting, it is told of every failed run
  --watch TABLE    also watch this table of runs: public.jobs. Can be given several times

${where}

Ends with 0: all is well; 1: something to look at; 2: something fails.
`,
  doctor: `npx tocsin doctor: is everything well?

Each line is a check: ok, warn or fail, what was found, and how to mend it.

  --json           for programs

${where}

Ends with 0: all is well; 1: something to look at; 2: something fails; 3: it could not ask.
`,
  uninstall: `npx tocsin uninstall: takes Tocsin out of the Supabase project of this folder

Writes a migration that removes every trace from the database: triggers, cron jobs, queues, secrets,
schemas, with all that Tocsin has counted and stored. Removes its functions and its lines in
supabase/config.toml. Your tables stay as they are. It touches no database itself.

  --dry-run        show what it would change, and change nothing
  --overwrite      remove files of Tocsin's that you changed as well
  --print          only print the statements, to run them by hand
`,
};

export const commands = Object.keys(pages).filter((name) => name !== "");

export function helpOf(command = ""): string {
  return pages[command] ?? pages[""] ?? "";
}
