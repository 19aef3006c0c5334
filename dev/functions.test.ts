// Functions run as Supabase runs them: their own process and environment, started again when they
// die, and an answer that says so while they cannot answer.

import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { startFunctions } from "./functions.ts";

const directory = mkdtempSync(join(tmpdir(), "tocsin-functions-"));
mkdirSync(join(directory, "echo"));
writeFileSync(join(directory, "echo/deno.json"), "{}");
writeFileSync(
  join(directory, "echo/index.ts"),
  `Deno.serve(async (request) => {
    const url = new URL(request.url);
    if (url.searchParams.has("die")) Deno.exit(7);
    return Response.json({
      path: url.pathname, body: await request.text(), method: request.method,
      secret: Deno.env.get("SOME_SECRET"), home: Deno.env.get("PGPASSWORD") ?? null,
    }, { status: 202, headers: { "x-mine": "yes" } });
  });`,
);
process.env["PGPASSWORD"] = "must not leak";
const lines: string[] = [];
const functions = await startFunctions({
  names: ["echo"],
  directory,
  env: { SOME_SECRET: "sesame" },
  logDir: join(directory, "logs"),
  log: (line) => lines.push(line),
});
after(async () => {
  await functions.stop();
  rmSync(directory, { recursive: true });
});

test("a request comes through whole, below the function's own name", async () => {
  const request = new Request("http://127.0.0.1:54321/functions/v1/echo/deep?q=1", {
    method: "POST",
    body: "hello",
  });
  const response = await functions.fetch("echo", request);
  assert.equal(response.status, 202);
  assert.equal(response.headers.get("x-mine"), "yes");
  assert.deepEqual(await response.json(), {
    path: "/echo/deep",
    body: "hello",
    method: "POST",
    secret: "sesame",
    home: null,
  });
});

test("a function that nobody wrote is not found", async () => {
  const response = await functions.fetch("nothing", new Request("http://127.0.0.1/"));
  assert.equal(response.status, 404);
});

test("one that dies answers 503 meanwhile, is reported, and is started again", async () => {
  const die = () => functions.fetch("echo", new Request("http://127.0.0.1/functions/v1/echo?die"));
  assert.equal((await die()).status, 503);
  for (let tries = 0; ; tries++) {
    const response = await functions.fetch(
      "echo",
      new Request("http://127.0.0.1/functions/v1/echo"),
    );
    if (response.status === 202) break;
    assert.ok(tries < 200, "it was not started again");
    await sleep(50);
  }
  assert.match(lines.join("\n"), /The function echo stopped \(7\); starting it again in 1 s/);
});
