// @tocsin/client where it is meant to be: packed and installed, in a worker's process, in a SvelteKit
// app and in an Edge Function, each as the how-to pages show it, until the error is stored.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { runDeno } from "../dev/deno.ts";
import { startFunctions } from "../dev/functions.ts";
import { repository } from "../dev/paths.ts";
import { freePort } from "../dev/ports.ts";
import { startStack, type Stack } from "../dev/stack.ts";
import { filesShownIn } from "../dev/test/snippets.ts";

const workerPage = "docs/how-to/report-errors-from-a-worker.md";
const kitPage = "docs/how-to/connect-sveltekit.md";
const intakePage = "docs/how-to/watch-a-webhook-intake.md";

let stack: Stack;
let db: pg.Client;
let folder: string;
/** Where npm installed the packed client. */
let installed: string;
let env: NodeJS.ProcessEnv;

before(async () => {
  stack = await startStack({ demo: false });
  db = new pg.Client({ connectionString: stack.databaseUrl });
  await db.connect();
  const { rows } = await db.query<{ ingest_key: string }>(
    "select ingest_key from tocsin.create_ingest_key('shop', 'import worker')",
  );
  env = {
    ...process.env,
    npm_config_update_notifier: "false",
    SUPABASE_URL: stack.apiUrl,
    TOCSIN_INGEST_KEY: rows[0]?.ingest_key,
  };
  folder = mkdtempSync(join(tmpdir(), "tocsin-client-"));
  // as the how-to says
  const { code, output } = await run("npm", [
    ...["pack", "-w", "packages/client", "--pack-destination", folder],
  ]);
  assert.equal(code, 0, output);
  installed = join(folder, "installed");
  write(installed, [["package.json", "{}"]]);
  const options = ["--offline", "--no-audit", "--no-fund"];
  const done = await run("npm", ["install", ...options, "../tocsin-client-0.1.0.tgz"], installed);
  assert.equal(done.code, 0, done.output);
});

after(async () => {
  await db?.end();
  await stack?.stop();
  if (folder) rmSync(folder, { recursive: true, force: true });
});

async function run(
  command: string,
  args: string[],
  cwd = repository,
  more: NodeJS.ProcessEnv = {},
): Promise<{ code: number | null; output: string }> {
  const child = spawn(command, args, { cwd, env: { ...env, ...more } });
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const code = await new Promise<number | null>((done, fail) => {
    child.once("error", fail);
    child.once("close", done);
  });
  return { code, output };
}

function write(directory: string, files: Iterable<readonly [string, string]>): void {
  for (const [name, text] of files) {
    mkdirSync(dirname(join(directory, name)), { recursive: true });
    writeFileSync(join(directory, name), text);
  }
}

/** A folder of an app in which the client is installed. */
function makeApp(name: string, files: Iterable<readonly [string, string]>): string {
  const app = join(folder, name);
  write(app, [["package.json", JSON.stringify({ name, private: true, type: "module" })], ...files]);
  cpSync(join(installed, "node_modules"), join(app, "node_modules"), { recursive: true });
  return app;
}

type Row = Record<string, unknown> & { metadata: Record<string, unknown> };

/** The errors of a component, oldest first, once there are so many. */
async function storedBy(component: string, count: number): Promise<Row[]> {
  for (let waited = 0; ; waited += 100) {
    await db.query("select from tocsin_internal.tick()");
    const { rows } = await db.query<Row>(
      "select * from tocsin.error_metrics where component = $1 order by timestamp, error_id",
      [component],
    );
    if (rows.length >= count || waited > 15_000) {
      assert.equal(rows.length, count, JSON.stringify(rows.map(({ message }) => message)));
      return rows;
    }
    await sleep(100);
  }
}

/** This Node, and the machine's own where that is another. */
async function nodes(): Promise<string[]> {
  const found = new Map([[process.versions.node.split(".")[0], process.execPath]]);
  for (const path of ["/usr/bin/node", "/usr/local/bin/node"]) {
    const { code, output } = await run(path, ["--version"]).catch(() => ({ code: 1, output: "" }));
    const major = /^v(\d+)/.exec(output)?.[1];
    if (code === 0 && major !== undefined && Number(major) >= 20 && !found.has(major)) {
      found.set(major, path);
    }
  }
  return [...found.values()];
}

test("a worker's process, as the how-to has it, reports and comes to its own end", async (t) => {
  const worker = filesShownIn(workerPage).get("worker.mjs") ?? "";
  const app = makeApp("worker", [["worker.mjs", worker]]);
  const all = await nodes();
  for (const node of all) {
    const { code, output } = await run(node, ["worker.mjs"], app);
    assert.deepEqual([code, output], [0, ""], node);
  }
  t.diagnostic(`ran on ${all.join(", ")}`);
  const rows = await storedBy("import-worker", all.length);
  for (const row of rows) {
    assert.deepEqual(
      ["project_id", "source", "workflow_id", "run_id", "node", "exception", "release"].map(
        (name) => row[name],
      ),
      ["shop", "worker", "order-import", "run-2", "fetch_orders", "Error", "1.4.2"],
    );
    assert.equal(row["message"], 'The shop "gone" answered 410');
    assert.match(String(row["stack"]), /at importOrders \(/);
    assert.deepEqual(row.metadata, { shop: "gone" });
  }
});

test("the statements that the pages show run as they stand there", async () => {
  for (const page of [workerPage, kitPage, intakePage]) {
    const text = readFileSync(join(repository, page), "utf8");
    for (const [, statement = ""] of text.matchAll(/^```sql\n([\s\S]*?)^```$/gm)) {
      await db.query(statement);
    }
  }
});

test("a worker that dies of an error nobody caught has reported it", async () => {
  const worker = filesShownIn(workerPage).get("worker.mjs") ?? "";
  const dying = worker.replaceAll("import-worker", "dying-worker").replace("gone", "good");
  const thrown = 'setTimeout(() => { throw new RangeError("nobody caught this"); }, 10);';
  const app = makeApp("dying", [["worker.mjs", `${dying}\n${thrown}`]]);
  const { code, output } = await run(process.execPath, ["worker.mjs"], app);
  assert.equal(code, 1);
  assert.match(output, /nobody caught this/, "and says so, as it would have");
  const [row] = await storedBy("dying-worker", 1);
  assert.deepEqual([row?.["exception"], row?.["severity"]], ["RangeError", "high"]);
});

test("an answer that is lost makes no second error, and an outage loses none", async () => {
  const server = await startUnreliable(`${stack.functionsUrl}/tocsin-api`);
  const script = `
    import { createTocsin } from "@tocsin/client";
    const tocsin = createTocsin({
      url: "${server.url}/tocsin-api",
      key: process.env.TOCSIN_INGEST_KEY,
      defaults: { component: "unlucky" },
      onProblem: () => undefined,
    });
    for (let n = 0; n < 150; n += 1) tocsin.report({ message: "unlucky " + n });
    const all = await tocsin.flush(20_000);
    console.log(JSON.stringify({ all, ...tocsin.stats() }));`;
  const app = makeApp("unlucky", [["worker.mjs", script]]);
  const { output } = await run(process.execPath, ["worker.mjs"], app);
  server.stop();
  assert.deepEqual(JSON.parse(output), {
    ...{ all: true, queued: 0, accepted: 50, duplicates: 100, rejected: 0, dropped: 0 },
  });
  assert.deepEqual(server.seen, ["lost", "503", "passed on", "passed on"]);
  await storedBy("unlucky", 150);
});

/** Passes the first request on and loses its answer, is down for the second, then works. */
async function startUnreliable(target: string) {
  const seen: string[] = [];
  const server: Server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      void (async () => {
        const number = seen.push(["lost", "503"][seen.length] ?? "passed on");
        if (number === 2) return response.writeHead(503).end();
        const answer = await fetch(`${target}/error-events`, {
          method: "POST",
          headers: { authorization: request.headers.authorization ?? "" },
          body: Buffer.concat(chunks),
        });
        const text = await answer.text();
        if (number === 1) return request.socket.destroy();
        return response.writeHead(answer.status).end(text);
      })();
    });
  });
  const port = await freePort(0);
  await new Promise<void>((done) => server.listen(port, "127.0.0.1", done));
  return { seen, url: `http://127.0.0.1:${port}`, stop: () => server.close() };
}

test("a SvelteKit app, as the how-to has it, reports from handleError and from its intake", async () => {
  const shown = [...filesShownIn(kitPage), ...filesShownIn(intakePage)];
  const own = shown.find(([, code]) => code.includes("Sorry"))?.[1] ?? assert.fail();
  const app = makeApp("shop", [
    ...shown.filter(([name]) => name.startsWith("src/")),
    [
      "vite.config.js",
      'import { sveltekit } from "@sveltejs/kit/vite";\nexport default { plugins: [sveltekit()] };\n',
    ],
    [
      "src/app.html",
      "<!doctype html><html><head>%sveltekit.head%</head><body>%sveltekit.body%</body></html>",
    ],
    [
      "src/app.d.ts",
      "declare global { namespace App { interface Locals { userId: string } } }\nexport {};\n",
    ],
    // what the page says of types holds
    ["src/types.ts", kitTypes],
    ["src/own.ts", own],
    ["src/routes/orders/[id]/+page.svelte", "<h1>Order</h1>\n"],
    ["src/routes/orders/[id]/+page.server.ts", kitPageServer],
    [
      "tsconfig.json",
      '{ "extends": "$app/tsconfig", "compilerOptions": { "strict": true, "types": ["node", "$app/types"] } }\n',
    ],
  ]);
  for (const name of ["@sveltejs", "@types", "svelte", "vite"]) {
    symlinkSync(join(repository, "node_modules", name), join(app, "node_modules", name));
  }
  const bin = (name: string): string => join(repository, "node_modules", ".bin", name);
  const synced = await run(process.execPath, [bin("svelte-kit"), "sync"], app);
  assert.equal(synced.code, 0, synced.output);
  const built = await run(process.execPath, [bin("vite"), "build"], app);
  assert.equal(built.code, 0, built.output);
  const types = await run(process.execPath, [bin("tsc"), "--noEmit", "-p", "."], app);
  assert.equal(types.code, 0, types.output);

  const port = await freePort(0);
  const args = [bin("vite"), "preview", "--host", "127.0.0.1", "--port", `${port}`, "--strictPort"];
  const server = spawn(process.execPath, args, { cwd: app, env, stdio: "ignore" });
  try {
    const url = `http://127.0.0.1:${port}`;
    await answering(url);
    for (const path of ["/orders/17", "/orders/18", "/nothing-here"]) {
      const page = await fetch(`${url}${path}?token=secret`);
      assert.equal(page.status, path.startsWith("/orders") ? 500 : 404);
      assert.doesNotMatch(await page.text(), /has no lines/, "the page is told nothing");
    }
    const deliver = (headers: Record<string, string>, body: string) =>
      fetch(`${url}/hooks/orders?token=secret`, {
        method: "POST",
        headers: { "content-type": "application/json", ...headers },
        body,
      });
    const good = await deliver({ "x-signature": "a good one" }, '{"id": 7}');
    assert.deepEqual([good.status, await good.json()], [200, { received: 7 }]);
    const rejected = await deliver({ "webhook-id": "msg_1" }, '{"id": 7}');
    assert.equal(rejected.status, 401);
    assert.match(await rejected.text(), /Bad signature/, "as it would have been");
    assert.equal((await deliver({ "x-signature": "a good one" }, "{nope")).status, 500);

    const errors = await storedBy("shop-web", 2);
    assert.deepEqual(
      errors.map(({ message, node, exception, project_id }) => [
        ...[message, node, exception, project_id],
      ]),
      ["17", "18"].map((id) => [
        ...[`order ${id} has no lines`, "/orders/[id]", "TypeError", "shop"],
      ]),
    );
    assert.equal(errors[0]?.["fingerprint"], errors[1]?.["fingerprint"], "one group");
    assert.deepEqual(errors[0]?.metadata, { method: "GET", route: "/orders/[id]", status: 500 });
    checkDeliveries(await storedBy("orders-intake", 2));
  } finally {
    server.kill();
  }
});

const kitPageServer = `export function load({ params }: { params: { id: string } }) {
  throw new TypeError(\`order \${params.id} has no lines\`);
}
`;
const kitTypes = `import type { HandleClientError, HandleServerError } from "@sveltejs/kit/hooks";
import { createTocsin, reportErrors } from "@tocsin/client";
const tocsin = createTocsin({ url: undefined, key: undefined });
export const server: HandleServerError = reportErrors(tocsin);
export const client: HandleClientError = reportErrors(tocsin);
`;

function checkDeliveries(rows: Row[]): void {
  const [rejected, failed] = rows;
  assert.ok(rejected && failed);
  assert.deepEqual(
    [rejected["source"], rejected["http_status"], rejected["error_type"], rejected["exception"]],
    ["webhook", 401, "auth", "WebhookRejected"],
  );
  assert.equal(rejected.metadata["webhook_id"], "msg_1");
  assert.equal(failed["source"], "webhook");
  assert.equal(failed["exception"], "SyntaxError", "once, though handleError saw it too");
  assert.doesNotMatch(JSON.stringify(rows), /secret/);
}

test("an Edge Function, as the how-to has it, reports what its intake rejects", async () => {
  const directory = join(folder, "functions");
  const [name, code] = [...filesShownIn(intakePage)].find(([one]) => /functions\//.test(one)) ?? [];
  const index = name?.replace("supabase/functions/", "") ?? "";
  write(directory, [
    [index, (code ?? "").replaceAll("orders-intake", "edge-intake")],
    [join(dirname(index), "deno.json"), "{}"],
  ]);
  cpSync(join(repository, "packages/client/src"), join(directory, "_shared/tocsin"), {
    recursive: true,
  });
  // what the page says of options has the right types, too
  const more = [...filesShownIn(intakePage).values()].find((one) => one.includes("./intake.ts"));
  write(directory, [
    [join(dirname(index), "more.ts"), more ?? assert.fail()],
    [join(dirname(index), "intake.ts"), (code ?? "").replace(/^(const|async)/gm, "export $1")],
  ]);
  const files = ["check", "--quiet", "index.ts", "more.ts"];
  const checked = await runDeno(files, join(directory, dirname(index)));
  assert.equal(checked.code, 0, checked.output);

  const functions = await startFunctions({
    names: [dirname(index)],
    directory,
    env: { SUPABASE_URL: stack.apiUrl, TOCSIN_INGEST_KEY: env["TOCSIN_INGEST_KEY"] ?? "" },
    logDir: stack.logDir,
    log: () => undefined,
  });
  try {
    const deliver = (headers: Record<string, string>, body: string) => {
      const url = `${stack.apiUrl}/functions/v1/${dirname(index)}?token=secret`;
      const request = new Request(url, { method: "POST", headers, body });
      return functions.fetch(dirname(index), request);
    };
    const good = await deliver({ "x-signature": "a good one" }, '{"id": 7}');
    assert.deepEqual([good.status, await good.json()], [200, { received: 7 }]);
    const rejected = await deliver({ "webhook-id": "msg_1" }, '{"id": 7}');
    assert.deepEqual([rejected.status, await rejected.text()], [401, "Bad signature"]);
    const failed = await deliver({ "x-signature": "a good one" }, "{nope");
    assert.equal(failed.status, 500);
    await failed.text();
    const large = await deliver({}, "x".repeat(100_001));
    assert.deepEqual([large.status, await large.text()], [413, "Too large"]);
    const rows = await storedBy("edge-intake", 3);
    checkDeliveries(rows);
    assert.equal(rows[2]?.["http_status"], 413);
  } finally {
    await functions.stop();
  }
});

async function answering(url: string): Promise<void> {
  for (let waited = 0; waited < 15_000; waited += 100) {
    const answer = await fetch(url).catch(() => undefined);
    if (answer !== undefined) {
      await answer.text();
      return;
    }
    await sleep(100);
  }
  assert.fail(`${url} does not answer`);
}
