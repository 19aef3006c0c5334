// How fast metrics are read, as people read them: signed in, under RLS, with outcomes pending. Against
// the same question asked of the runs themselves, with the indexes that serve it best.
//
// Times are the server's own: planning, executing and writing the answer out, as EXPLAIN (SERIALIZE)
// tells them. Nothing is kept warm but what the rounds before read.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import pg from "pg";
import { withClient } from "../dev/database.ts";
import { repository } from "../dev/paths.ts";
import { superuser, type Postgres } from "../dev/postgres.ts";
import {
  describeHistory,
  makeHistory,
  pendingOutcomes,
  present,
  size,
  workflows,
} from "./history.ts";
import {
  compare,
  cpuOf,
  type Options,
  type Result,
  type Sample,
  type Scenario,
  type Session,
  type Suite,
  withServer,
  withSession,
} from "./measure.ts";
import { makeUserRuns, userRuns } from "./user-runs.ts";

/** Who asks: an operator, a member of every project, a member of one. */
const actors = {
  operator: "00000000-0000-4000-8000-00000000000f",
  member: "00000000-0000-4000-8000-00000000000a",
  member_of_one: "00000000-0000-4000-8000-00000000000b",
} as const;
type Actor = keyof typeof actors;

const people = `
  insert into tocsin.operators (user_id) values ('${actors.operator}');
  insert into tocsin.project_members (project_id, user_id)
  select distinct project_id, '${actors.member}'::uuid from bench.workflows
  union all
  select project_id, '${actors.member_of_one}' from bench.workflows where k = 2;
  analyze tocsin.project_members;`;

/** A question, asked of Tocsin and of the runs. */
type Question = { name: string; description: string; budget: string; sql: string; counted: string };

const now = `timestamptz '${present}'`;
const workflow = (k: number): string => `md5('${k}')::uuid::text`;

const summary = (name: string, range: string): Question => ({
  name: `summary_${name}`,
  description: `a page of ${workflows} workflows over ${range}, beside the ${range} before`,
  budget: "<= 50 ms",
  sql: `select * from tocsin.run_metrics_summary(${now} - interval '${range}', ${now},
    p_now => ${now})`,
  counted: `select project_id, workflow_id,
      count(*) filter (where finished_at >= ${now} - interval '${range}') as runs,
      count(*) filter (where finished_at >= ${now} - interval '${range}' and status = 'failed')
        as failures,
      count(*) filter (where finished_at < ${now} - interval '${range}') as runs_before
    from bench.user_runs
    where finished_at >= ${now} - 2 * interval '${range}' and finished_at < ${now}
    group by project_id, workflow_id order by failures desc, workflow_id limit 100`,
});

const history = (name: string, k: number, bucket: string, zone: string): Question => ({
  name: `history_${name}`,
  description: `30 days of one workflow by ${bucket} (${zone}), the ${k}. busiest, with percentiles`,
  budget: "<= 20 ms",
  sql: `select * from tocsin.run_metrics_history(${now} - interval '30 days', ${now}, '${bucket}',
    p_workflow_id => ${workflow(k)}, p_time_zone => '${zone}', p_now => ${now})`,
  counted: `select date_trunc('${bucket.split(" ")[1]}', finished_at at time zone '${zone}') as slot,
      count(*), count(*) filter (where status = 'failed') as failures,
      percentile_cont(array[0.5, 0.95, 0.99]) within group
        (order by extract(epoch from finished_at - started_at)::float8) as durations
    from bench.user_runs
    where workflow_id = ${workflow(k)} and finished_at >= ${now} - interval '30 days'
    group by 1 order by 1`,
});

const busy = Math.min(42, workflows);
const quiet = Math.round(workflows / 2);
const questions: Question[] = [
  {
    name: "totals_of_all",
    description: `workflow_run_metrics of all ${workflows} workflows`,
    budget: "<= 50 ms",
    sql: "select * from tocsin.workflow_run_metrics",
    counted: `select project_id, workflow_id, count(*),
      count(*) filter (where status = 'failed') as failures, max(finished_at)
      from bench.user_runs group by project_id, workflow_id`,
  },
  {
    name: "totals_of_one",
    description: "workflow_run_metrics of one workflow",
    budget: "none of its own",
    sql: `select * from tocsin.workflow_run_metrics where workflow_id = ${workflow(busy)}`,
    counted: `select project_id, count(*), count(*) filter (where status = 'failed') as failures
      from bench.user_runs where workflow_id = ${workflow(busy)} group by project_id`,
  },
  history("by_days", busy, "1 day", "UTC"),
  history("by_local_days", busy, "1 day", "Europe/Berlin"),
  history("by_hours", busy, "1 hour", "UTC"),
  history("of_the_busiest", 1, "1 hour", "UTC"),
  history("of_a_quiet_one", quiet, "1 hour", "UTC"),
  summary("of_an_hour", "1 hour"),
  summary("of_a_day", "24 hours"),
  summary("of_a_week", "7 days"),
  summary("of_a_month", "30 days"),
];

/** Begins a transaction as a signed-in user, as the Data API does. */
async function signIn(client: pg.Client, actor: Actor): Promise<void> {
  const claims = JSON.stringify({ sub: actors[actor], role: "authenticated" });
  await client.query("begin; set local role authenticated");
  await client.query("select set_config('request.jwt.claims', $1, true)", [claims]);
}

async function ask({ client, pid }: Session, sql: string, actor: Actor): Promise<Sample> {
  await signIn(client, actor);
  const before = cpuOf(pid);
  const { rows } = await client.query<{ "QUERY PLAN": [Record<string, unknown>] }>(
    `explain (analyze, timing off, serialize text, format json) ${sql}`,
  );
  const cpu = (cpuOf(pid) - before) * 1e6;
  await client.query("rollback");
  const plan = rows[0]?.["QUERY PLAN"][0];
  return { value: Number(plan?.["Planning Time"]) + Number(plan?.["Execution Time"]), cpu };
}

function scenarios(session: Session): Scenario[] {
  return questions.map(({ name, description, budget, sql, counted }) => ({
    name,
    description,
    unit: "ms",
    budget,
    variants: ["counting", ...Object.keys(actors)],
    judged: "member",
    run: (variant) =>
      variant === "counting"
        ? ask(session, counted, "member")
        : ask(session, sql, variant as Actor),
  }));
}

/** What the questions do: the plans of all their statements, those inside functions too. */
async function showPlans(server: Postgres): Promise<string> {
  const client = new pg.Client({ connectionString: server.url(superuser) });
  await client.connect();
  const plans: string[] = [];
  try {
    await client.query(`load 'auto_explain'; set statement_timeout = 0;
      set auto_explain.log_analyze = on; set auto_explain.log_buffers = on;
      set auto_explain.log_nested_statements = on; set auto_explain.log_min_duration = -1;
      set client_min_messages = log`);
    for (const { name, description, sql } of questions) {
      await signIn(client, "member");
      await client.query(sql);
      const logged: string[] = [];
      const listen = ({ message }: { message?: string | undefined }): void => {
        if (message?.includes("plan:")) logged.push(outline(message));
      };
      client.on("notice", listen);
      await client.query("reset role; set auto_explain.log_min_duration = 1");
      await client.query("set local role authenticated");
      await client.query(sql);
      client.off("notice", listen);
      await client.query("rollback");
      plans.push(`## ${name}: ${description}\n\n${logged.join("\n\n")}`);
    }
  } finally {
    await client.end();
  }
  return plans.join("\n\n\n");
}

/** Of a logged plan, the nodes that were reached, and what was read: without the conditions. */
function outline(message: string): string {
  const lines = message.split("\n");
  const first = lines.findIndex((line) => /\(cost=.*actual/.test(line));
  const query = lines
    .slice(0, first)
    .join(" ")
    .replace(/^.*?Query Text:/, "")
    .replaceAll(/\s+/g, " ");
  return [
    `-- ${/duration: ([\d.]+ ms)/.exec(message)?.[1]}: ${query.trim().slice(0, 88)} …`,
    ...lines
      .slice(first)
      .filter((line, i) => /\(actual|actual time/.test(line) || (i === 1 && /Buffers/.test(line)))
      .filter((line) => !line.includes("never executed") && !isQuick(line))
      .map((line) => line.replace(/\(cost=\S+ rows=(\d+) width=\d+\)/, "(rows=$1)").slice(0, 150)),
  ].join("\n");
}

/** A node that took less than a tenth of a millisecond. */
function isQuick(line: string): boolean {
  const [, until, loops] = /actual time=\S+?\.\.([\d.]+) .*loops=(\d+)/.exec(line) ?? [];
  return until !== undefined && Number(until) * Number(loops) < 0.1;
}

async function run(options: Options): Promise<Result[]> {
  return withServer(async (server) => {
    console.log(`\nmaking ${100 * size} million runs' worth of buckets, and ${userRuns} runs …`);
    await makeHistory(server.url(), pendingOutcomes);
    await makeUserRuns(server.url());
    await withClient(server.url(), (client) => client.query(people));
    console.log(JSON.stringify(await describeHistory(server.url())));
    const results = await withSession(server.url(), (session) =>
      compare(scenarios(session), options),
    );
    if (options.only.length === 0 && size === 1) {
      const directory = join(repository, "bench/results");
      mkdirSync(directory, { recursive: true });
      const plans = await showPlans(server);
      writeFileSync(
        join(directory, "read-plans.txt"),
        `What a member of all projects' questions do: EXPLAIN (ANALYZE, BUFFERS) of each statement that\n` +
          `took more than a millisecond, without conditions and quick nodes. ${workflows} workflows, ` +
          `${pendingOutcomes} outcomes pending.\n\n\n${plans}\n`,
      );
    }
    return results;
  });
}

export const readSuite: Suite = {
  name: "read",
  description: "how fast metrics are read, beside counting the runs",
  run,
};
