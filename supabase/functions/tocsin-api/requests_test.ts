import assert from "node:assert/strict";
import { DataApiError } from "../_shared/data_api.ts";
import { createHandler } from "./handler.ts";
import { ask, fakeDb, now, recordingLog, testDeps } from "./testing/fixtures.ts";

function api(note: unknown = null) {
  const db = fakeDb({ version: "0.1.0", read_alert_settings: new Error("insides"), note });
  const asked = db.call;
  db.call = (caller, name, args, result) =>
    asked(caller, name === "note_api_requests" ? "note" : name, structuredClone(args), result);
  const planned: { work: () => Promise<void>; afterMs: number }[] = [];
  const log = recordingLog();
  let clock = now.getTime();
  const handle = createHandler({
    ...testDeps(db),
    log,
    now: () => new Date((clock += 7)),
    later: (work, afterMs) => planned.push({ work, afterMs }),
  });
  const told = () =>
    db.calls.filter(({ name }) => name === "note").map(({ args }) => args["p_counts"]);
  return { handle, planned, told, log };
}

Deno.test(
  "requests are counted by route and class of status, and told together later",
  async () => {
    const { handle, planned, told } = api();
    await handle(ask("/health"));
    await handle(ask("/health", { method: "HEAD" }));
    await handle(ask("/alerts/settings/shop", { token: "a.b.c" }));
    await handle(ask("/alerts/settings/shop"));
    await handle(ask("/nothing"));
    await handle(ask("/health", { method: "DELETE" }));
    assert.deepEqual(told(), [], "no request waits for it");
    assert.equal(planned.length, 1, "it is planned once");
    await planned[0]?.work();
    const one = (route: string, status_class: number, ms: number[]) => {
      const sum = ms.reduce((all, each) => all + each, 0);
      return { route, status_class, count: ms.length, ms: sum, durations: ms };
    };
    assert.deepEqual(told(), [
      [
        one("GET /health", 2, [14, 14]),
        one("GET /alerts/settings/:project_id", 5, [7]),
        one("GET /alerts/settings/:project_id", 4, [7]),
        one("other", 4, [7, 7]),
      ],
    ]);
    await handle(ask("/health"));
    assert.equal(planned.length, 2, "what comes after is told with the next");
  },
);

Deno.test(
  "what the database does not take is told with the next, and nobody hears of it",
  async () => {
    const { handle, planned, told, log } = api(
      new DataApiError("service", { status: 503, message: "away" }),
    );
    assert.equal((await handle(ask("/nothing"))).status, 404);
    await planned[0]?.work();
    await handle(ask("/nothing"));
    await planned[1]?.work();
    assert.deepEqual(
      told().map((counts) => (counts as { count: number }[]).map(({ count }) => count)),
      [[1], [2]],
    );
    assert.match(log.lines.join(), /requests_not_counted.*away/);
  },
);

Deno.test("however many there are, what is kept of them is bounded", async () => {
  const { handle, planned, told } = api();
  for (let n = 0; n < 500; n++) await handle(ask(`/nothing/${n}`));
  await planned[0]?.work();
  const [[only] = []] = told() as { count: number; durations: number[] }[][];
  assert.deepEqual([told().length, only?.count, only?.durations.length], [1, 500, 100]);
});
