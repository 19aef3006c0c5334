import assert from "node:assert/strict";
import { DataApiError } from "../_shared/data_api.ts";
import { ConfigurationError } from "../_shared/env.ts";
import { createHandler } from "./handler.ts";
import {
  ask,
  errorCount,
  fakeDb,
  metricsToken,
  recordingLog,
  snapshot,
  summaryRow,
  testDeps,
  workflowAnswer,
} from "./testing/fixtures.ts";

const token = "a.users.token";
const answers = {
  read_workflow_metrics: workflowAnswer,
  page_run_metrics_summary: { workflow_count: 1, workflows: [summaryRow("w")], after: null },
  scrape_metrics: snapshot(),
  read_error_metrics: { counts: [errorCount], page: { errors: [], after: null } },
  version: "0.1.0",
};

function api(overrides: Record<string, unknown> = {}, values: Record<string, string> = {}) {
  const db = fakeDb({ ...answers, ...overrides });
  const log = recordingLog();
  const handle = createHandler({ ...testDeps(db, values), log });
  return { db, log, handle };
}

const userPaths = ["/metrics/workflow/w", "/metrics/workflows/summary", "/error-metrics"];

for (const path of userPaths) {
  Deno.test(
    `${path}: who sends no token, or a key in its place, is 401 and asks nothing`,
    async () => {
      const { db, handle } = api();
      const requests = [
        ask(path),
        ask(path, { headers: { apikey: "sb_publishable_x" } }),
        ask(path, { token: "sb_publishable_x" }),
        ask(path, { headers: { authorization: "Basic dXNlcjpwYXNz" } }),
        ask(path, { headers: { authorization: "Bearer" } }),
        ask(path, { headers: { authorization: "Bearer a b" } }),
        ask(path, { token: "x".repeat(10_000) }),
      ];
      const bodies = new Set<string>();
      for (const request of requests) {
        const answer = await handle(request);
        assert.equal(answer.status, 401);
        assert.equal(answer.headers.get("www-authenticate"), "Bearer");
        bodies.add(await answer.text());
      }
      assert.equal(bodies.size, 1);
      assert.equal(JSON.parse([...bodies][0] ?? "").error.code, "unauthorized");
      assert.deepEqual(db.calls, []);
    },
  );

  Deno.test(`${path}: asks in the caller's name and no other`, async () => {
    const { db, handle } = api();
    assert.equal((await handle(ask(path, { token }))).status, 200);
    assert.deepEqual(
      db.calls.map(({ caller }) => caller),
      [{ kind: "user", token }],
    );
  });

  Deno.test(`${path}: the same question has the same tag, and is not sent again`, async () => {
    const { handle } = api();
    const first = await handle(ask(path, { token }));
    const etag = first.headers.get("etag") ?? "";
    assert.match(etag, /^W\/"[\w-]{27}"$/);
    assert.equal(first.headers.get("cache-control"), "private, max-age=5, must-revalidate");
    assert.equal(first.headers.get("vary"), "authorization");
    for (const known of [etag, etag.slice(2), `"other", ${etag}`, "*"]) {
      const again = await handle(ask(path, { token, headers: { "if-none-match": known } }));
      assert.equal(again.status, 304, known);
      assert.equal(await again.text(), "");
      assert.equal(again.headers.get("etag"), etag);
      assert.equal(again.headers.get("access-control-allow-origin"), "*");
    }
    const other = await handle(ask(path, { token, headers: { "if-none-match": 'W/"other"' } }));
    assert.equal(other.status, 200);
  });

  Deno.test(`${path}: a browser elsewhere may ask`, async () => {
    const { db, handle } = api();
    const preflight = await handle(ask(path, { method: "OPTIONS" }));
    assert.equal(preflight.status, 204);
    assert.equal(preflight.headers.get("access-control-allow-origin"), "*");
    const allowed = preflight.headers.get("access-control-allow-headers") ?? "";
    for (const name of ["authorization", "apikey", "content-type", "if-none-match"]) {
      assert.ok(allowed.split(", ").includes(name), name);
    }
    assert.match(
      preflight.headers.get("access-control-allow-methods") ?? "",
      /^GET, HEAD, OPTIONS$/,
    );
    assert.deepEqual(db.calls, []);
    for (const answer of [await handle(ask(path)), await handle(ask(`${path}?x=1`, { token }))]) {
      assert.equal(answer.headers.get("access-control-allow-origin"), "*", "of errors too");
    }
  });
}

Deno.test("a workflow: what is asked of the database, and what is answered", async () => {
  const { db, handle } = api();
  const answer = await handle(
    ask("/metrics/workflow/a%2Fb?from=-7d&bucket=1d&time_zone=Europe/Berlin&project_id=shop", {
      token,
    }),
  );
  assert.deepEqual(db.calls[0]?.args, {
    p_workflow_id: "a/b",
    p_from: "2026-11-14T09:03:00.000Z",
    p_to: "2026-11-21T09:03:00.000Z",
    p_bucket: "1 day",
    p_project_id: "shop",
    p_source_id: null,
    p_time_zone: "Europe/Berlin",
  });
  const body = await answer.json();
  assert.deepEqual(Object.keys(body), ["workflow_id", "range", "totals", "history"]);
  assert.deepEqual(body.range, {
    from: "2026-11-14T09:03:00.000Z",
    to: "2026-11-21T09:03:00.000Z",
    bucket: "1d",
    time_zone: "Europe/Berlin",
  });
  assert.equal(body.totals[0].last_updated, "2026-11-21T09:00:00.123Z");
  assert.equal(body.history[0].duration_ms_p99, null);
});

Deno.test("a workflow that cannot be and one that is not there are answered alike", async () => {
  const { db, handle } = api({ read_workflow_metrics: null });
  const told = async (id: string) => {
    const answer = await handle(ask(`/metrics/workflow/${id}`, { token }));
    assert.equal(answer.status, 404);
    return [[...answer.headers], await answer.text()];
  };
  const one = await told("absent");
  assert.match(String(one[1]), /workflow_not_found/);
  for (const id of ["a%00b", "x".repeat(2_000), ""]) assert.deepEqual(await told(id), one, id);
  assert.equal(db.calls.length, 2, "the database is not asked for what it cannot hold");
});

Deno.test("every bad parameter is named, with what is allowed", async () => {
  const { db, handle } = api();
  const answer = await handle(
    ask("/metrics/workflow/w?from=2026-01-01&to=soon&bucket=2d&source_id=A&time_zone=%20&nope=1", {
      token,
    }),
  );
  assert.equal(answer.status, 400);
  const { error } = await answer.json();
  assert.equal(error.code, "invalid_query");
  const paths = error.issues.map(({ path }: { path: string }) => path);
  assert.deepEqual(paths, ["nope", "from", "to", "bucket", "source_id", "time_zone"]);
  assert.ok(error.issues.every(({ message }: { message: string }) => message.length > 5));
  assert.deepEqual(db.calls, []);
});

Deno.test("pages follow each other by cursor, of one range and one question", async () => {
  const after = { value: 2, workflow_id: "b", project_id: "shop", source_id: "runs" };
  const { db, handle } = api({
    page_run_metrics_summary: (args: Record<string, unknown>) => ({
      workflow_count: 3,
      workflows: [summaryRow(args["p_after_workflow_id"] === null ? "b" : "c")],
      after: args["p_after_workflow_id"] === null ? after : null,
    }),
  });
  const path = "/metrics/workflows/summary";
  const first = await (
    await handle(ask(`${path}?from=-2d&sort=run_count&limit=1`, { token }))
  ).json();
  assert.equal(first.workflow_count, 3);
  assert.deepEqual(first.range_before, {
    from: "2026-11-17T09:03:00.000Z",
    to: "2026-11-19T09:03:00.000Z",
  });
  const cursor = first.next_cursor;
  for (const rest of ["", "&sort=run_count&from=-2d", "&limit=2"]) {
    const second = await (await handle(ask(`${path}?cursor=${cursor}${rest}`, { token }))).json();
    assert.equal(second.workflows[0].workflow_id, "c");
    assert.equal(second.next_cursor, null);
    assert.deepEqual(second.range, first.range);
  }
  const [, , , last] = db.calls;
  assert.deepEqual(last?.args, {
    ...db.calls[0]?.args,
    p_limit: 2,
    p_after_value: 2,
    p_after_workflow_id: "b",
    p_after_project_id: "shop",
    p_after_source_id: "runs",
  });

  const other = await handle(
    ask(`${path}?cursor=${cursor}&sort=success_rate&min_runs=3`, { token }),
  );
  assert.equal(other.status, 400);
  const named = (await other.json()).error.issues.map((issue: { path: string }) => issue.path);
  assert.deepEqual(named, ["sort", "min_runs"]);
  const nonsense = await handle(ask(`${path}?cursor=${cursor}x`, { token }));
  assert.deepEqual((await nonsense.json()).error.issues[0].path, "cursor");
});

Deno.test("a scraper without the right token is 401, and the database is not asked", async () => {
  const { db, handle } = api();
  for (const given of [undefined, "wrong", metricsToken.slice(1), `${metricsToken}x`, token]) {
    const answer = await handle(ask("/metrics", given === undefined ? {} : { token: given }));
    assert.equal(answer.status, 401);
    assert.equal((await answer.json()).error.code, "unauthorized");
  }
  assert.deepEqual(db.calls, []);
});

Deno.test("without a secret, or with one that could be guessed, nobody can scrape", async () => {
  const cases: [string, string][] = [
    ["", "metrics_token_missing"],
    ["x".repeat(23), "metrics_token_too_short"],
  ];
  for (const [secret, code] of cases) {
    const { handle } = api({}, { TOCSIN_METRICS_TOKEN: secret });
    const answer = await handle(ask("/metrics", { token: secret || "x" }));
    assert.equal(answer.status, 503);
    const { error } = await answer.json();
    assert.equal(error.code, code);
    assert.match(error.hint, /supabase secrets set TOCSIN_METRICS_TOKEN=/);
  }
});

Deno.test("a scraper gets the format that it takes, packed if it takes that", async () => {
  const { db, handle } = api();
  const plain = await handle(ask("/metrics?limit=5&durations=false", { token: metricsToken }));
  assert.equal(plain.headers.get("content-type"), "text/plain; version=0.0.4; charset=utf-8");
  assert.doesNotMatch(await plain.text(), /# EOF|duration_seconds_bucket/);
  assert.deepEqual(db.calls[0], {
    caller: { kind: "service" },
    name: "scrape_metrics",
    args: { p_limit: 5, p_project_id: null, p_source_id: null, p_with_durations: false },
  });

  const headers = {
    accept: "application/openmetrics-text;version=1.0.0",
    "accept-encoding": "gzip",
  };
  const packed = await handle(ask("/metrics", { token: metricsToken, headers }));
  assert.equal(
    packed.headers.get("content-type"),
    "application/openmetrics-text; version=1.0.0; charset=utf-8",
  );
  assert.equal(packed.headers.get("content-encoding"), "gzip");
  assert.ok(packed.body);
  const unpacked = packed.body.pipeThrough(new DecompressionStream("gzip"));
  assert.match(await new Response(unpacked).text(), /^# TYPE tocsin_build info\n[^]*\n# EOF\n$/);

  const bad = await handle(ask("/metrics?limit=0&workflows=1", { token: metricsToken }));
  assert.equal(bad.status, 400);
  assert.equal((await bad.json()).error.issues.length, 2);
});

Deno.test("health is for everybody, asks as the service, and not at every call", async () => {
  const { db, handle } = api();
  for (let times = 0; times < 3; times += 1) {
    const answer = await handle(ask("/health"));
    assert.equal(answer.status, 200);
    const database = { status: "ok", version: "0.1.0" };
    assert.deepEqual(await answer.json(), { status: "ok", version: "0.1.0", database });
  }
  assert.equal(db.calls.length, 1);
});

Deno.test("health announces the environment, once", async () => {
  const values = { TOCSIN_ENVIRONMENT: "staging" };
  const { db, handle } = api({ announce_environment: null }, values);
  for (let n = 0; n < 3; n += 1) assert.equal((await handle(ask("/health"))).status, 200);
  assert.deepEqual(
    db.calls.map(({ name }) => name),
    ["version", "announce_environment"],
  );
});

Deno.test("health without its database is 503, with why and nothing of the inside", async () => {
  const message = "connect to db.internal refused with sb_secret_abc";
  const { handle, log } = api({ version: new DataApiError("service", { status: 0, message }) });
  const answer = await handle(ask("/health"));
  assert.equal(answer.status, 503);
  const body = await answer.json();
  assert.deepEqual([body.status, body.database.status], ["fail", "fail"]);
  assert.equal(body.error.code, "database_unavailable");
  assert.doesNotMatch(JSON.stringify(body), /internal|sb_secret/);
  assert.match(log.lines.join(), /internal/, "the log says what it was");
});

const refused = { message: "permission denied", code: "42501" };
const failures: [Error, number, string][] = [
  [new DataApiError("user", { status: 400, code: "TC017", message: "m", hint: "h" }), 400, "TC017"],
  [new DataApiError("user", { status: 401, ...refused }), 401, "unauthorized"],
  [
    new DataApiError("user", { status: 401, code: "PGRST301", message: "JWT expired" }),
    401,
    "unauthorized",
  ],
  [new DataApiError("user", { status: 403, ...refused }), 403, "forbidden"],
  [
    new DataApiError("service", { status: 401, message: "Invalid API key" }),
    503,
    "secret_key_refused",
  ],
  [
    new DataApiError("user", { status: 406, code: "PGRST106", message: "m" }),
    503,
    "schema_not_exposed",
  ],
  [
    new DataApiError("user", { status: 404, code: "PGRST202", message: "m" }),
    503,
    "migrations_missing",
  ],
  [new DataApiError("user", { status: 500, code: "57014", message: "m" }), 503, "too_slow"],
  [
    new DataApiError("user", { status: 500, code: "XX000", message: "insides" }),
    503,
    "database_unavailable",
  ],
  [new DataApiError("user", { status: 0, message: "insides" }), 503, "database_unavailable"],
  [new ConfigurationError("missing_supabase_url", "m", "h"), 500, "missing_supabase_url"],
  [new TypeError("insides"), 500, "unexpected"],
];

for (const [failure, status, code] of failures) {
  const { name, message } = failure;
  Deno.test(`${name} "${message}" is answered ${status} ${code}, in the one shape`, async () => {
    const { handle, log } = api({ page_run_metrics_summary: failure });
    const answer = await handle(ask("/metrics/workflows/summary", { token }));
    assert.equal(answer.status, status);
    assert.equal(answer.headers.get("cache-control"), "no-store");
    const text = await answer.text();
    const { error, ...others } = JSON.parse(text);
    assert.equal(error.code, code);
    assert.equal(typeof error.message, "string");
    assert.deepEqual(others, {});
    assert.doesNotMatch(text, /insides/);
    assert.equal(log.lines.length, status >= 500 ? 1 : 0);
    assert.ok(!log.lines.join().includes(token));
  });
}

Deno.test("other paths are 404, other methods 405 with those that there are", async () => {
  const { handle } = api();
  for (const path of [
    "",
    "/",
    "/nothing",
    "/metrics/",
    "/metrics/workflow",
    "/metrics/workflow/a/b",
  ]) {
    for (const method of ["GET", "POST", "OPTIONS"]) {
      const answer = await handle(ask(path, { method }));
      assert.equal(answer.status, 404, `${method} ${path}`);
      assert.equal((await answer.json()).error.code, "no_such_route");
    }
  }
  for (const path of [...userPaths, "/metrics", "/health"]) {
    const answer = await handle(ask(path, { method: "POST", body: "{}", token }));
    assert.equal(answer.status, 405);
    assert.equal(answer.headers.get("allow"), "GET, HEAD");
    await answer.body?.cancel();
  }
});

Deno.test("HEAD is answered as GET, without the body", async () => {
  const { handle } = api();
  for (const path of ["/metrics/workflow/w", "/health", "/nothing"]) {
    const got = await handle(ask(path, { token }));
    await got.body?.cancel();
    const head = await handle(ask(path, { method: "HEAD", token }));
    assert.equal(head.status, got.status);
    assert.equal(head.headers.get("etag"), got.headers.get("etag"));
    assert.equal(await head.text(), "");
  }
});
