// What an error costs on its way in: taken from the queue, redacted, grouped, counted and decided;
// reported from SQL; and how fast the list of groups answers when there are very many errors.

import { withClient } from "../dev/database.ts";
import { compare, type Sample, type Scenario, type Session, type Suite } from "./measure.ts";
import { timeStatement, withServer, withSession } from "./measure.ts";

const events = Number(process.env["TOCSIN_BENCH_EVENTS"] ?? 10_000_000);
const viewer = "00000000-0000-4000-8000-00000000000a";

const prepare = `
  create table public.runs (id bigint primary key, project_id text, workflow_id text, status text,
    error text);
  select tocsin.watch_runs('public.runs');
  create table public.plain_errors (error_id uuid primary key, run_id bigint, message text, at timestamptz);
  create table public.plain_groups (message text primary key, error_count bigint);
  insert into tocsin.project_members values ('project-1', '${viewer}', 'viewer')`;

/** Runs that fail, each message with ids of its own, brought to the queue by the roll-up. */
async function fail(url: string, count: number, shapes: number): Promise<void> {
  await withClient(url, async (client) => {
    await client.query("set statement_timeout = 0");
    await client.query(`truncate public.runs, public.plain_errors, public.plain_groups,
      pgmq.q_tocsin_failures`);
    // letters tell shapes apart; digits do not
    await client.query(`insert into public.runs
      select n, 'project-' || shape % 10, 'workflow-' || shape % 100, 'failed',
        'TypeError: cannot ship parcel ' || n || ' of order ' || n * 7919 || ' in step '
          || translate(shape::text, '0123456789', 'abcdefghij') || ' after ' || n % 900 || ' ms'
      from (select n, n % ${shapes} as shape from generate_series(1, ${count}) as n) as made`);
    for (;;) {
      await client.query("select tocsin_internal.roll_up()");
      const { rows } = await client.query<{ none: boolean }>(
        "select not exists (select from tocsin_internal.run_outcomes) as none",
      );
      if (rows[0]?.none === true) break;
    }
    await client.query("vacuum analyze pgmq.q_tocsin_failures");
    await client.query("checkpoint").catch(() => undefined);
  });
}

/** A guard for each message, as a first sketch would have it: no redaction, no shape. */
const rowByRow = `do $$
  declare v record;
  begin
    for v in select * from pgmq.read('tocsin_failures', 60, 2000) loop
      begin
        insert into public.plain_errors
        select (v.message ->> 'error_id')::uuid, r.id, r.error, now() from public.runs r
        where r.id = (v.message ->> 'run_id')::bigint;
        insert into public.plain_groups as g
        select regexp_replace(r.error, '\\d+', 'n', 'g'), 1 from public.runs r
        where r.id = (v.message ->> 'run_id')::bigint
        on conflict (message) do update set error_count = g.error_count + 1;
        perform pgmq.delete('tocsin_failures', v.msg_id);
      exception when others then
        raise warning '%', sqlerrm;
      end;
    end loop;
  end $$`;

const rate = (count: number, took: { ms: number; cpuMs: number }): Sample => ({
  value: count / (took.ms / 1000),
  cpu: (took.cpuMs * 1000) / count,
});

async function one<Value>(session: Session, sql: string): Promise<Value | undefined> {
  const { rows } = await session.client.query<{ value: Value }>(sql);
  return rows[0]?.value;
}

/** Beat follows beat until the queue is empty. */
async function drain(session: Session): Promise<{ ms: number; cpuMs: number }> {
  const sum = { ms: 0, cpuMs: 0 };
  for (;;) {
    for (const stage of ["claim_failures", "ingest"]) {
      const took = await timeStatement(session, `select tocsin_internal.${stage}()`);
      sum.ms += took.ms;
      sum.cpuMs += took.cpuMs;
    }
    const left = await one<string>(
      session,
      "select count(*)::text as value from pgmq.q_tocsin_failures",
    );
    if (left === "0") return sum;
  }
}

const ingesting =
  (count: number, shapes: number) =>
  (url: string): Scenario["run"] =>
  async (variant, round) => {
    // the groups are there already, as they are in the second beat of a storm
    if (round === 0 && variant === "tocsin") {
      await fail(url, shapes, shapes);
      await withSession(url, drain);
    }
    await fail(url, variant === "tocsin" ? count : 2000, shapes);
    return withSession(url, async (session) =>
      variant === "tocsin"
        ? rate(count, await drain(session))
        : rate(2000, await timeStatement(session, rowByRow)),
    );
  };

/** How many groups a storm makes; its value is a number of groups, its CPU that of one error. */
const storming =
  (count: number, shapes: number) =>
  (url: string): Scenario["run"] =>
  async () => {
    await withClient(url, (client) => client.query("delete from tocsin.error_groups"));
    await fail(url, count, shapes);
    return withSession(url, async (session) => {
      const took = await drain(session);
      const groups = await one<number>(
        session,
        "select count(*)::int as value from tocsin.error_groups",
      );
      const counted = await one<string>(
        session,
        "select sum(event_count)::text as value from tocsin.error_groups",
      );
      if (Number(counted) !== count) throw new Error(`${counted} of ${count} are counted`);
      return { value: groups ?? Number.NaN, cpu: (took.cpuMs * 1000) / count };
    });
  };

/** A statement many times in one session; its value is the CPU of one, in microseconds. */
const repeating =
  (times: number, expressions: Record<string, string>) =>
  (url: string): Scenario["run"] =>
  (variant) =>
    withSession(url, async (session) => {
      const loop = (n: number): string => `do $$ declare v text; begin
        for i in 1..${n} loop v := ${expressions[variant]}; end loop; end $$`;
      await session.client.query(loop(50));
      const took = await timeStatement(session, loop(times));
      await session.client.query("truncate tocsin_internal.reported_errors");
      const cpu = (took.cpuMs * 1000) / times;
      return { value: Number.isNaN(cpu) ? (took.ms * 1000) / times : cpu, cpu };
    });

const text = (n: number): string => `'A sentence of a log about what happened to order ' || ${n}
  || ', of about eighty signs'`;
/** 4 KiB: a request with headers and a body of twenty rows; $i makes each different. */
const request = (secrets: boolean): string => `jsonb_build_object('i', i, 'request',
  jsonb_build_object('method', 'POST', 'url', 'https://api.example.com/v1/orders?limit=10', 'headers',
    jsonb_build_object('content-type', 'application/json', 'user-agent', 'undici', 'accept', '*/*',
      'x-request', 'a81fb2', 'host', 'api.example.com'
      ${secrets ? ", 'authorization', 'Bearer abcdefghijklmnop'" : ""})),
  'user', jsonb_build_object('id', 7, 'name', 'Ann' ${secrets ? ", 'password', 'hunter2'" : ""}))
  || (select j from public.bodies where kind = 'rows')`;
const bodies = `
  create table public.bodies (kind text primary key, j jsonb);
  alter table public.bodies alter column j set storage external;
  insert into public.bodies
  select 'rows', jsonb_build_object('body', jsonb_agg(jsonb_build_object('id', n, 'text', ${text(7)}
    || n, 'more', 'some words that were said about it ' || n))) from generate_series(1, 22) as n
  union all
  select 'small', jsonb_build_object('body', jsonb_agg(jsonb_build_object('sku', 'A-' || n, 'n', n,
    'name', 'A thing of some sort ' || n))) from generate_series(1, 62) as n
  union all select 'text', jsonb_build_object('log', string_agg(${text(7)} || n, chr(10)))
  from generate_series(1, 50) as n`;
const body = (kind: string): string =>
  `jsonb_build_object('i', i) || (select j from public.bodies where kind = '${kind}')`;

/** Very many errors, in groups and hours as the heart would have counted them. */
const generate = (count: number): string => `
  alter table tocsin.error_metrics drop constraint error_metrics_pkey;
  drop index tocsin.error_metrics_project_id_timestamp_idx, tocsin.error_metrics_timestamp_idx,
    tocsin.error_metrics_fingerprint_timestamp_idx, tocsin.error_metrics_run_id_idx;
  insert into tocsin.error_groups (project_id, fingerprint, title, source, error_type, severity,
    first_seen_at, last_seen_at, event_count, user_count, run_count)
  select 'project-' || n % 20, md5(n::text), 'TypeError: cannot ship parcel in step ' || n, 'worker',
    'execution', 'medium', now() - interval '30 days', now() - interval '1 minute' * n,
    ${count} / 5000, n, n
  from generate_series(1, 5000) as n;
  insert into tocsin.error_group_hours (project_id, fingerprint, hour, event_count)
  select 'project-' || n % 20, md5(n::text), date_trunc('hour', now()) - interval '1 hour' * h, 3
  from generate_series(1, 5000) as n, generate_series(0, 47) as h;
  insert into tocsin.error_metrics (error_id, timestamp, source, error_type, severity, project_id,
    workflow_id, run_id, message, fingerprint, ingested_at)
  select gen_random_uuid(), at, 'worker', 'execution', 'medium', 'project-' || shape % 20,
    'workflow-' || shape % 100, n::text, case when n % 100 = 0 then 'TypeError: cannot ship parcel '
      || n end, md5(shape::text), at
  from (select n, 1 + n % 5000 as shape, now() - interval '1 day' * (n % 1000000) / 1000000 as at
        from generate_series(1::bigint, ${count}) as n) as made;
  analyze tocsin.error_metrics, tocsin.error_groups, tocsin.error_group_hours`;

const lists: Record<string, string> = {
  group_by: `select project_id, fingerprint, count(*), max(timestamp), min(message)
    from tocsin.error_metrics where project_id = 'project-1'
    group by 1, 2 order by 4 desc limit 50`,
  tocsin: "select tocsin.page_error_groups('project-1')",
  tocsin_all: "select tocsin.page_error_groups()",
  tocsin_by_count: "select tocsin.page_error_groups('project-1', p_sort => 'event_count')",
};

/** As a signed-in viewer, under row-level security. */
const listing =
  () =>
  (url: string): Scenario["run"] =>
  (variant) =>
    withSession(url, async (session) => {
      await session.client.query("set role authenticated");
      await session.client.query("select set_config('request.jwt.claims', $1, false)", [
        JSON.stringify({ role: "authenticated", sub: viewer }),
      ]);
      const statement = lists[variant] ?? "";
      if (variant !== "group_by") await session.client.query(statement);
      const took = await timeStatement(session, statement);
      return { value: took.ms, cpu: took.cpuMs * 1000 };
    });

type Case = Omit<Scenario, "run"> & { run: (url: string) => Scenario["run"]; before?: string };

const cases: Case[] = [
  {
    name: "storm",
    description: "40,000 failures of one group in the queue",
    unit: "failures/s",
    budget: ">= 10,000/s: 100 us of CPU each",
    variants: ["row_by_row", "tocsin"],
    rounds: 3,
    run: ingesting(40_000, 1),
  },
  {
    name: "thousand_groups",
    description: "20,000 failures of 1,000 groups in the queue",
    unit: "failures/s",
    budget: ">= 2,000/s: 500 us of CPU each",
    variants: ["row_by_row", "tocsin"],
    rounds: 3,
    run: ingesting(20_000, 1000),
  },
  {
    name: "fifty_shapes",
    description: "100,000 failures of 50 shapes",
    unit: "groups",
    budget: "50 groups, each error counted",
    variants: ["tocsin"],
    rounds: 1,
    run: storming(100_000, 50),
  },
  {
    name: "redaction",
    description: "4 KiB of jsonb: a request with 22 rows, or 62 small rows, or one text",
    unit: "us of CPU",
    budget: "<= 200 us",
    variants: ["as_text", "tocsin", "clean", "small_rows", "one_text"],
    judged: "tocsin",
    rounds: 5,
    before: bodies,
    run: repeating(2000, {
      as_text: `(${request(true)})::text`,
      tocsin: `tocsin_internal.redact_metadata(${request(true)})::text`,
      clean: `tocsin_internal.redact_metadata(${request(false)})::text`,
      small_rows: `tocsin_internal.redact_metadata(${body("small")})::text`,
      one_text: `tocsin_internal.redact_metadata(${body("text")})::text`,
    }),
  },
  {
    name: "report_error",
    description: "one report, with a stack of four frames and three keys of metadata",
    unit: "us of CPU",
    budget: "<= 300 us",
    variants: ["plain_insert", "tocsin"],
    rounds: 5,
    before: `create table public.plain_reports (id bigint generated always as identity primary key,
      message text, stack text, metadata jsonb);
      create function public.plain_report(text, text, jsonb) returns bigint language sql
      as 'insert into public.plain_reports (message, stack, metadata) values ($1, $2, $3)
        returning id'`,
    run: repeating(2000, {
      plain_insert: `public.plain_report('cannot ship parcel ' || i, 'TypeError', '{"order": 7}')`,
      tocsin: `tocsin.report_error('TypeError', 'cannot ship parcel ' || i, 'worker',
        jsonb_build_object('order', i, 'path', 'checkout', 'note', 'twice'),
        p_project_id => 'project-1', p_user_id => 'ann', p_stack => E'TypeError: cannot ship\\n'
          '    at ship (/srv/app/dist/parcel.js:41:19)\\n    at step (/srv/app/dist/steps.js:12:5)\\n'
          '    at run (/srv/app/dist/worker.js:88:1)\\n    at main (/srv/app/dist/index.js:3:1)')`,
    }),
  },
  {
    name: "groups_list",
    description: `a page of 50 groups, as a viewer, over ${events.toLocaleString("en")} errors in 5,000 groups`,
    unit: "ms",
    budget: "<= 50 ms",
    variants: ["group_by", "tocsin", "tocsin_all", "tocsin_by_count"],
    rounds: 3,
    before: generate(events),
    run: listing(),
  },
];

export const ingestSuite: Suite = {
  name: "ingest",
  description: "what an error costs on its way in, and a page of groups over very many of them",
  run: (options) =>
    withServer(async (server) => {
      await withClient(server.url(), (client) => client.query(prepare));
      const results = [];
      for (const { run, before, ...rest } of cases) {
        const asked =
          options.only.length === 0 || options.only.some((part) => rest.name.includes(part));
        if (!asked) continue;
        if (before !== undefined) {
          await withClient(server.url(), async (client) => {
            await client.query("set statement_timeout = 0; set maintenance_work_mem = '512MB'");
            await client.query(before);
          });
        }
        results.push(...(await compare([{ ...rest, run: run(server.url()) }], options)));
      }
      return results;
    }),
};
