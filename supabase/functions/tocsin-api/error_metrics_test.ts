import assert from "node:assert/strict";
import { createHandler } from "./handler.ts";
import { ask, errorCount, errorRow, fakeDb, testDeps } from "./testing/fixtures.ts";

const token = "a.users.token";
const ids = [1, 2, 3].map((n) => `00000000-0000-0000-0000-00000000000${n}`);
const place = { timestamp: "2026-11-21T10:00:00.123456+01:00", error_id: ids[1] };

function api(answer: unknown) {
  const db = fakeDb({ read_error_metrics: answer });
  const handle = createHandler(testDeps(db));
  const get = async (path: string) => {
    const response = await handle(ask(path, { token }));
    return { status: response.status, body: await response.json() };
  };
  return { db, get };
}

Deno.test("errors: what is asked of the database, and what is answered", async () => {
  const page = { errors: [errorRow(ids[0] ?? "")], after: null };
  const { db, get } = api({ counts: [errorCount], page });
  const { status, body } = await get(
    "/error-metrics?from=-7d&bucket=1d&time_zone=Europe/Berlin&source=worker&error_type=timeout" +
      "&severity=high&project_id=&workflow_id=order%20import&run_id=7&text=100%25&limit=20" +
      `&group_id=${ids[2]}`,
  );
  assert.equal(status, 200);
  assert.deepEqual(db.calls[0]?.args, {
    p_from: "2026-11-14T09:03:00.000Z",
    p_to: "2026-11-21T09:03:00.000Z",
    p_bucket: "1 day",
    p_source: "worker",
    p_error_type: "timeout",
    p_severity: "high",
    p_project_id: "",
    p_workflow_id: "order import",
    p_group_id: ids[2],
    p_text: "100%",
    p_run_id: "7",
    p_time_zone: "Europe/Berlin",
    p_limit: 20,
    p_after_timestamp: null,
    p_after_error_id: null,
  });
  assert.deepEqual(body, {
    range: {
      from: "2026-11-14T09:03:00.000Z",
      to: "2026-11-21T09:03:00.000Z",
      bucket: "1d",
      time_zone: "Europe/Berlin",
    },
    counts: [{ ...errorCount, bucket_at: "2026-11-21T09:00:00.000Z" }],
    errors: [errorRow(ids[0] ?? "", { timestamp: "2026-11-21T09:00:00.123Z" })],
    next_cursor: null,
  });
});

Deno.test(
  "pages of errors follow each other to the microsecond, of one range and question",
  async () => {
    const first = { counts: [], page: { errors: [errorRow(ids[0] ?? "")], after: place } };
    const last = { counts: null, page: { errors: [], after: null } };
    const { db, get } = api((args: Record<string, unknown>) =>
      args["p_after_error_id"] === null ? first : last,
    );
    const { body } = await get("/error-metrics?from=-2d&severity=low");
    const next = await get(`/error-metrics?cursor=${body.next_cursor}&limit=5`);
    assert.deepEqual([next.body.counts, next.body.next_cursor], [null, null]);
    const [one, two] = db.calls.map(({ args }) => args);
    assert.deepEqual(
      [two?.["p_after_timestamp"], two?.["p_after_error_id"], two?.["p_limit"]],
      [place.timestamp, place.error_id, 5],
    );
    for (const name of ["p_from", "p_to", "p_severity"]) assert.equal(one?.[name], two?.[name]);

    const other = await get(`/error-metrics?cursor=${body.next_cursor}&severity=high`);
    assert.deepEqual([other.status, other.body.error.issues[0].path], [400, "severity"]);
  },
);

Deno.test("a cursor of another route, or of no error, is none", async () => {
  const { get } = api({ counts: null, page: { errors: [], after: null } });
  const pack = (after: unknown) =>
    btoa(
      JSON.stringify({
        version: 1,
        asked: {},
        from: "2026-11-20T09:03:00.000Z",
        to: "2026-11-21T09:03:00.000Z",
        after,
      }),
    ).replace(/=+$/, "");
  assert.equal((await get(`/error-metrics?cursor=${pack(place)}`)).status, 200);
  const workflow = { value: 1, workflow_id: "w", project_id: "", source_id: "runs" };
  for (const after of [workflow, { ...place, error_id: "17" }, { ...place, timestamp: "now" }]) {
    const { status, body } = await get(`/error-metrics?cursor=${pack(after)}`);
    assert.deepEqual([status, body.error.issues[0].path], [400, "cursor"]);
  }
});

Deno.test("every bad parameter of the errors is named, with what is allowed", async () => {
  const { db, get } = api({});
  const { status, body } = await get(
    "/error-metrics?source=moon&error_type=bad&severity=dire&group_id=17&text=a%00b&limit=201" +
      "&bucket=2y&sort=x",
  );
  assert.equal(status, 400);
  assert.deepEqual(
    body.error.issues.map(({ path }: { path: string }) => path),
    ["sort", "bucket", "source", "error_type", "severity", "group_id", "text", "limit"],
  );
  assert.deepEqual(db.calls, []);
});
