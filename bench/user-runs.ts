// What a user would have instead: the runs themselves, five million of them (the last 36 days at the
// rate of the generated history), with the indexes that make counting them as cheap as it can be.

import { withClient } from "../dev/database.ts";
import { present, size, workflows } from "./history.ts";

export const userRuns = Math.round(5_000_000 * size);

export async function makeUserRuns(url: string): Promise<void> {
  await withClient(url, async (client) => {
    await client.query("set statement_timeout = 0; set maintenance_work_mem = '1GB'");
    await client.query(`
      create table bench.user_runs (
        id bigint generated always as identity, project_id text not null,
        workflow_id text not null, status text not null, started_at timestamptz not null,
        finished_at timestamptz not null
      );
      select setseed(0.25);
      insert into bench.user_runs (project_id, workflow_id, status, started_at, finished_at)
      select w.project_id, w.workflow_id, case when n % 20 = 0 then 'failed' else 'succeeded' end,
        r.at - interval '5 seconds', r.at
      from (
        select n, floor(exp(random() * ln(${workflows + 1})))::int as k,
          timestamptz '${present}' - interval '36.5 days' * (1 - n / ${userRuns}.0) as at
        from generate_series(1, ${userRuns}) as n
      ) as r
      join bench.workflows w using (k);
      alter table bench.user_runs add primary key (id);
      create index on bench.user_runs (workflow_id, finished_at) include (project_id, status);
      create index on bench.user_runs (finished_at) include (project_id, workflow_id, status);
      alter table bench.user_runs enable row level security;
      create policy members on bench.user_runs for select to authenticated using (
        (select tocsin_internal.is_operator())
        or project_id in (select tocsin.my_project_ids())
      );
      grant usage on schema bench to authenticated;
      grant select on bench.user_runs to authenticated;`);
    await client.query("vacuum (analyze) bench.user_runs");
  });
}
