// The stand-in for pg_net behaves as the real one where it hurts.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { serveFetch } from "./http.ts";
import { startNet } from "./net.ts";
import { superuser } from "./postgres.ts";
import { startTestDatabase } from "./test/database.ts";

type Received = { method: string; path: string; headers: Headers; body: string };
const received: Received[] = [];
const receiver = await serveFetch(0, async (request) => {
  const url = new URL(request.url);
  const path = url.pathname + url.search;
  received.push({
    method: request.method,
    path,
    headers: request.headers,
    body: await request.text(),
  });
  if (url.pathname === "/slow") await sleep(1000);
  return new Response("thank you", { status: url.pathname === "/fail" ? 500 : 200 });
});
const server = await startTestDatabase({ migrations: [] });
const db = await server.clone();
await db.sql("create extension pg_net");
const net = await startNet({ url: db.url(superuser) });
after(async () => {
  await net.stop();
  await server.stop();
  await receiver.stop();
});

async function response(id: unknown): Promise<Record<string, unknown>> {
  for (let tries = 0; tries < 200; tries++) {
    const [row] = await db.sql("select * from net._http_response where id = $1", [id]);
    if (row) return row;
    await sleep(20);
  }
  return assert.fail("no answer was written");
}

test("a request goes out when its transaction commits, and not before", async () => {
  const client = await db.connect();
  await client.query("begin");
  const post = `select net.http_post('${receiver.url}/hook', '{"a": 1}', '{"q": "ä b"}',
    '{"x-token": "sesame"}', 2000) as id`;
  const { rows } = await client.query<{ id: string }>(post);
  await sleep(300);
  assert.equal(received.length, 0);
  await client.query("commit");
  const row = await response(rows[0]?.id);
  assert.deepEqual(
    [row["status_code"], row["content"], row["error_msg"]],
    [200, "thank you", null],
  );
  const [request] = received.splice(0);
  assert.deepEqual([request?.method, request?.path], ["POST", "/hook?q=%C3%A4%20b"]);
  assert.deepEqual(JSON.parse(request?.body ?? ""), { a: 1 });
  assert.equal(request?.headers.get("x-token"), "sesame");
  assert.equal(request?.headers.get("content-type"), "application/json");
  assert.deepEqual(await db.sql("select * from net.http_request_queue"), []);
});

test("a request of a transaction that rolls back is never sent", async () => {
  const client = await db.connect();
  await client.query("begin");
  await client.query(`select net.http_get('${receiver.url}/never')`);
  await client.query("rollback");
  const [row] = await db.sql(`select net.http_get('${receiver.url}/after') as id`);
  await response(row?.["id"]);
  assert.deepEqual(
    received.splice(0).map(({ path }) => path),
    ["/after"],
  );
});

test("an answer of 500 is an answer: it is not tried again", async () => {
  const [row] = await db.sql(`select net.http_post('${receiver.url}/fail') as id`);
  assert.equal((await response(row?.["id"]))["status_code"], 500);
  await sleep(1200);
  assert.equal(received.splice(0).length, 1);
});

test("a request that takes longer than its timeout is given up", async () => {
  const [row] = await db.sql(
    `select net.http_get('${receiver.url}/slow', timeout_milliseconds := 100) as id`,
  );
  const answer = await response(row?.["id"]);
  assert.deepEqual([answer["timed_out"], answer["status_code"]], [true, null]);
  assert.match(String(answer["error_msg"]), /Timeout of 100 ms reached/);
  received.splice(0);
});

test("a receiver that is not there is written down", async () => {
  const [row] = await db.sql("select net.http_get('http://127.0.0.1:9/') as id");
  const answer = await response(row?.["id"]);
  assert.match(String(answer["error_msg"]), /Couldn't connect to server/);
});

test("every role can read the tables, so no secret belongs in a request", async () => {
  await db.as("anon", {}, (sql) => sql("select headers from net.http_request_queue"));
});

test("the worker can be seen to be up", async () => {
  await db.sql("select net.check_worker_is_up()");
  const other = await server.clone();
  await other.sql("create extension pg_net");
  await assert.rejects(other.sql("select net.check_worker_is_up()"), /worker is not up/);
});
