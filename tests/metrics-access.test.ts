// The metrics through the Data API and the function, by each actor and for each object of theirs:
// who sees whose runs, who is refused, and that nobody writes. Through SQL:
// supabase/tests/access/shows_each_actor_only_the_metrics_of_theirs.test.sql.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import pg from "pg";
import { z } from "zod";
import { startStack, type Stack } from "../dev/stack.ts";
import { peopleOf } from "../dev/test/people.ts";

const actors = [
  ...["anonymous", "stranger", "viewer", "editor", "admin", "otherAdmin"],
  ...["operator", "service"],
] as const;
type Actor = (typeof actors)[number];

let stack: Stack;
let db: pg.Client;
let tokens: Record<string, string>;

before(async () => {
  stack = await startStack({ demo: false });
  db = new pg.Client({ connectionString: stack.databaseUrl });
  await db.connect();
  await db.query(`create table public.runs (id int generated always as identity, status text,
    project_id text, workflow_id text, finished_at timestamptz)`);
  await db.query("select tocsin.watch_runs('public.runs')");
  await db.query("select tocsin.backfill_runs('public.runs', now() - interval '30 days')");
  await db.query(`insert into public.runs (status, project_id, workflow_id, finished_at)
    select 'failed', p, 'w', clock_timestamp()
    from unnest(array['a', 'b', null]) as p, generate_series(1, 3)`);
  const { signUp, signIn } = peopleOf(stack, db);
  tokens = {
    anonymous: stack.keys.publishable,
    stranger: await signUp(),
    viewer: await signUp("a", "viewer"),
    editor: await signUp("a", "editor"),
    admin: await signUp("a", "admin"),
    otherAdmin: await signUp("b", "admin"),
    operator: await signIn(stack.operator.email, stack.operator.password),
    service: stack.keys.secret,
  };
});

after(async () => {
  await db?.end();
  await stack?.stop();
});

/** Asks the Data API. */
function data(actor: Actor, path: string, body?: object, method?: string, schema = "tocsin") {
  const token = tokens[actor] ?? "";
  const headers = {
    apikey: token.startsWith("sb_") ? token : stack.keys.publishable,
    authorization: `Bearer ${token}`,
    "accept-profile": schema,
    "content-profile": schema,
    "content-type": "application/json",
  };
  return fetch(`${stack.apiUrl}/rest/v1/${path}`, {
    method: method ?? (body === undefined ? "GET" : "POST"),
    headers,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
}

const rows = z.array(
  z.object({
    project_id: z.string().optional(),
    source_id: z.string().optional(),
    failure_count: z.number().optional(),
  }),
);

/** What is shown, as projects with their failures; "no" where it is refused. */
async function shown(answer: Response, pick = (body: unknown): unknown => body): Promise<string> {
  const text = await answer.text();
  if ([401, 403].includes(answer.status)) return "no";
  assert.equal(answer.status, 200, text);
  const sums = new Map<string, number>();
  for (const row of rows.parse(pick(JSON.parse(text)))) {
    const name = row.project_id ?? row.source_id ?? "sum";
    sums.set(name, (sums.get(name) ?? 0) + (row.failure_count ?? 1));
  }
  return [...sums]
    .filter(([, n]) => n > 0)
    .map(([name, n]) => `${name || "-"}${n}`)
    .sort()
    .join(" ");
}

const range = () => {
  const from = new Date(Date.now() - 3_600_000).toISOString();
  return { p_from: from, p_to: new Date(Date.now() + 3_600_000).toISOString() };
};
const inside = (key: string) => (body: unknown) =>
  z.record(z.string(), z.unknown()).parse(body)[key];

type Look = { what: string; ask: (actor: Actor) => Promise<string> };
const rpc = (actor: Actor, name: string, more: object = {}): Promise<Response> =>
  data(actor, `rpc/${name}`, { ...range(), ...more });

const projects: Look[] = [
  {
    what: "workflow_run_metrics",
    ask: async (actor) => shown(await data(actor, "workflow_run_metrics")),
  },
  {
    what: "run_metrics_summary",
    ask: async (actor) => shown(await rpc(actor, "run_metrics_summary")),
  },
  {
    what: "page_run_metrics_summary",
    ask: async (actor) => shown(await rpc(actor, "page_run_metrics_summary"), inside("workflows")),
  },
];

const history: Look[] = [
  {
    what: "run_metrics_history",
    ask: async (actor) => shown(await rpc(actor, "run_metrics_history")),
  },
  {
    what: "read_workflow_metrics",
    ask: async (actor) => {
      const answer = await rpc(actor, "read_workflow_metrics", {
        ...{ p_workflow_id: "w", p_bucket: "1 hour" },
      });
      return shown(answer, (body) => (body === null ? [] : inside("history")(body)));
    },
  },
  {
    what: "the function's history",
    ask: async (actor) => {
      const answer = await fetch(`${stack.functionsUrl}/tocsin-api/metrics/workflow/w`, {
        headers: { authorization: `Bearer ${tokens[actor]}` },
      });
      if (answer.status !== 404) return shown(answer, inside("history"));
      await answer.text();
      return "";
    },
  },
];
const summary: Look = {
  what: "the function's summary",
  ask: async (actor) => {
    const answer = await fetch(`${stack.functionsUrl}/tocsin-api/metrics/workflows/summary`, {
      headers: { authorization: `Bearer ${tokens[actor]}` },
    });
    return shown(answer, inside("workflows"));
  },
};
const machinery: Look[] = ["backfills", "run_sources"].map((what) => ({
  what,
  ask: async (actor) => shown(await data(actor, what)),
}));
const owners: Look[] = [
  {
    what: "reconcile",
    ask: async (actor) => shown(await data(actor, "rpc/reconcile", { p_table: "public.runs" })),
  },
  {
    what: "backfill_runs",
    ask: async (actor) => shown(await data(actor, "rpc/backfill_runs", { p_table: "public.runs" })),
  },
  {
    what: "watch_runs",
    ask: async (actor) => shown(await data(actor, "rpc/watch_runs", { p_table: "public.runs" })),
  },
  {
    what: "unwatch_runs",
    ask: async (actor) => shown(await data(actor, "rpc/unwatch_runs", { p_table: "public.runs" })),
  },
];

const all = "-3 a3 b3";
const expected: Record<string, { looks: Look[]; seen: Record<Actor, string> }> = {
  "their projects": {
    looks: [...projects, summary],
    seen: {
      ...{ anonymous: "no", stranger: "", viewer: "a3", editor: "a3", admin: "a3" },
      ...{ otherAdmin: "b3", operator: all, service: all },
    },
  },
  "the history of their projects": {
    looks: history,
    seen: {
      ...{ anonymous: "no", stranger: "", viewer: "sum3", editor: "sum3", admin: "sum3" },
      ...{ otherAdmin: "sum3", operator: "sum9", service: "sum9" },
    },
  },
  "sources and backfills": {
    looks: machinery,
    seen: {
      ...{ anonymous: "no", stranger: "", viewer: "", editor: "", admin: "", otherAdmin: "" },
      ...{ operator: "runs1", service: "runs1" },
    },
  },
  "what is the owner's": {
    looks: owners,
    seen: {
      ...{ anonymous: "no", stranger: "no", viewer: "no", editor: "no", admin: "no" },
      ...{ otherAdmin: "no", operator: "no", service: "no" },
    },
  },
};

for (const [what, { looks, seen }] of Object.entries(expected)) {
  test(`each actor sees ${what}, and nothing else`, async () => {
    for (const look of looks) {
      for (const actor of actors) {
        assert.equal(await look.ask(actor), seen[actor], `${look.what} as ${actor}`);
      }
    }
  });
}

test("nobody writes metrics through the Data API", async () => {
  for (const actor of actors) {
    for (const path of ["workflow_run_metrics", "backfills", "run_sources"]) {
      const where = `${path}?source_id=eq.runs`;
      for (const [method, to, body] of [
        ["POST", path, { source_id: "mine" }],
        ["PATCH", where, { source_id: "mine" }],
        ["DELETE", where, undefined],
      ] as const) {
        const answer = await data(actor, to, body, method);
        await answer.text();
        // a view of sums cannot be written, and says so before it asks who wants to
        const refused = path === "workflow_run_metrics" ? [401, 403, 405, 500] : [401, 403];
        assert.ok(refused.includes(answer.status), `${method} ${path}: ${answer.status}`);
      }
    }
  }
  const { rows: kept } =
    await db.query(`select (select count(*)::int from tocsin.backfills) as fills,
    (select sum(failure_count)::int from tocsin.workflow_run_metrics) as failures`);
  assert.deepEqual(kept, [{ fills: 1, failures: 9 }]);
});

test("the machinery is no schema of the Data API, for anybody", async () => {
  const relations = [
    ...["run_outcomes", "run_buckets", "run_totals", "counted_runs", "counted_ranges"],
    ...["granularities", "outcome_floor", "pending_outcomes", "outcomes_set_aside"],
  ];
  for (const actor of actors) {
    for (const relation of relations) {
      const hidden = await data(actor, relation, undefined, "GET", "tocsin_internal");
      assert.equal(hidden.status, 406, `${relation} as ${actor}: ${await hidden.text()}`);
      const absent = await data(actor, relation);
      assert.ok([401, 404].includes(absent.status), `${relation} as ${actor}: ${absent.status}`);
    }
  }
});

test("the scrape is for the holder of its token alone", async () => {
  const scrape = async (token: string): Promise<number> => {
    const answer = await fetch(`${stack.functionsUrl}/tocsin-api/metrics`, {
      headers: { authorization: `Bearer ${token}` },
    });
    await answer.text();
    return answer.status;
  };
  for (const actor of actors) assert.equal(await scrape(tokens[actor] ?? ""), 401, actor);
  assert.equal(await scrape(stack.keys.metricsToken), 200);
});
