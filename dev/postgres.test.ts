// The server keeps its data, never outlives its user, and recovers from a crash.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { chownSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { after, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { withClient } from "./database.ts";
import { serverHome, serverUser } from "./paths.ts";
import { freePort } from "./ports.ts";
import { startPostgres, superuser, type Postgres } from "./postgres.ts";

const home = mkdtempSync(join(serverHome(), "test-"));
const user = serverUser();
if (user) chownSync(home, user.uid, user.gid);
const dataDir = join(home, "data");
after(() => rmSync(home, { recursive: true, force: true }));

async function rows(server: Postgres, sql: string): Promise<unknown[]> {
  return withClient(
    server.url(superuser),
    async (client) => (await client.query<object>(sql)).rows,
  );
}

test("data is there again at the next start", async () => {
  const first = await startPostgres({ dataDir });
  assert.equal(first.isNew, true);
  await rows(first, "create table kept (it int); insert into kept values (1)");
  await first.stop();
  const second = await startPostgres({ dataDir });
  assert.equal(second.isNew, false);
  assert.deepEqual(await rows(second, "select * from kept"), [{ it: 1 }]);
  await second.stop();
});

test("after a crash the data is there, but not what was unlogged", async () => {
  const first = await startPostgres({ dataDir });
  await rows(first, "create unlogged table forgotten (it int); insert into forgotten values (1)");
  await first.stop("immediate");
  const second = await startPostgres({ dataDir });
  assert.deepEqual(await rows(second, "select * from kept"), [{ it: 1 }]);
  assert.deepEqual(await rows(second, "select * from forgotten"), []);
  await second.stop();
});

test("a port that is taken is left to who has it", async () => {
  const port = await freePort(55555);
  const taken = createServer().listen(port, "127.0.0.1");
  await new Promise((done) => taken.once("listening", done));
  const server = await startPostgres({ dataDir, port });
  assert.equal(server.port, port + 10);
  await server.stop();
  taken.close();
});

test("a server whose user is killed stops, and its temporary data goes", async () => {
  const script = `
    import { startPostgres } from ${JSON.stringify(join(import.meta.dirname, "postgres.ts"))};
    const server = await startPostgres();
    console.log(JSON.stringify([server.port, server.dataDir]));
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ["--input-type=module-typescript", "-e", script]);
  const line = await new Promise<string>((done) => {
    child.stdout.once("data", (chunk: Buffer) => done(chunk.toString()));
  });
  const [, temporary] = JSON.parse(line) as [number, string];
  assert.ok(existsSync(temporary));
  child.kill("SIGKILL");
  for (let tries = 0; existsSync(temporary); tries++) {
    assert.ok(tries < 100, "its data is still there");
    await sleep(50);
  }
});

test("what cannot start says why", async () => {
  const broken = join(home, "broken");
  const first = await startPostgres({ dataDir: broken });
  await first.stop();
  rmSync(join(broken, "global"), { recursive: true });
  await assert.rejects(startPostgres({ dataDir: broken }), /PostgreSQL did not start:[^]*global/);
});
