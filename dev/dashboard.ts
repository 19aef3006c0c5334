// The dashboard of the local stack: built once, and again when its sources changed; served as any
// static host does it, with the file that names its project.

import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { extname, join, normalize } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { serveFetch, type HttpServer } from "./http.ts";
import { localDir, repository } from "./paths.ts";
import { isAlive } from "./state.ts";

export const dashboardDir = join(repository, "dashboard");
const buildDir = join(dashboardDir, "build");
const lockFile = join(localDir, "dashboard.lock");
const stampFile = join(localDir, "dashboard.stamp");
const packages = join(repository, "node_modules");

export type DashboardConfig = {
  supabaseUrl: string;
  publishableKey: string;
  /** False where there is no Realtime. */
  realtime: boolean;
  demo?: { email: string; password: string };
};

/** Builds it unless the same sources were built before. Answers whether it had to. */
export async function buildDashboard(): Promise<boolean> {
  const stamp = hashSources();
  const isBuilt = (): boolean =>
    existsSync(join(buildDir, "index.html")) &&
    existsSync(stampFile) &&
    readFileSync(stampFile, "utf8") === stamp;
  if (isBuilt()) return false;
  mkdirSync(localDir, { recursive: true });
  const release = await lockBuild();
  try {
    // while we waited, another may have built it
    if (isBuilt()) return false;
    await runBinary("vite/bin/vite.js", ["build", "--logLevel", "error"]);
    writeFileSync(stampFile, stamp);
    return true;
  } finally {
    release();
  }
}

/** Tests start stacks side by side, and there is one folder to build into. */
async function lockBuild(): Promise<() => void> {
  for (;;) {
    try {
      writeFileSync(lockFile, String(process.pid), { flag: "wx" });
      return () => rmSync(lockFile, { force: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
    // one that was killed leaves its lock behind
    const owner = Number(existsSync(lockFile) ? readFileSync(lockFile, "utf8") : NaN);
    if (owner > 0 && !isAlive(owner)) rmSync(lockFile, { force: true });
    else await sleep(200);
  }
}

/** SvelteKit's types, which the checks of types and the linter read. */
export async function syncDashboard(): Promise<void> {
  await runBinary("@sveltejs/kit/svelte-kit.js", ["sync"]);
}

async function runBinary(path: string, args: string[]): Promise<void> {
  const child = spawn(process.execPath, [join(packages, path), ...args], {
    cwd: dashboardDir,
    env: { ...process.env, NODE_ENV: "production" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk: Buffer) => (output += chunk.toString()));
  }
  const code = await new Promise<number | null>((done, fail) => {
    child.once("error", fail);
    child.once("close", done);
  });
  if (code !== 0) throw new Error(`The dashboard could not be built.\n${output.trim()}`);
}

/** Of everything that the build reads; the lock file says which packages. */
function hashSources(): string {
  const files = [
    ...globSync("{src,static}/**/*.*", { cwd: dashboardDir }),
    ...["package.json", "tsconfig.json", "vite.config.ts", "../package-lock.json"],
  ];
  const hash = createHash("sha256").update(process.env["TOCSIN_DASHBOARD_BASE"] ?? "");
  for (const file of files.sort()) hash.update(file).update(readFileSync(join(dashboardDir, file)));
  return hash.digest("hex");
}

const types: Record<string, string> = {
  ".css": "text/css; charset=utf-8",
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".json": "application/json",
  ".svg": "image/svg+xml",
  ".woff2": "font/woff2",
};

/** Serves what was built. The config is asked for at each request: the stack may still be starting. */
export function serveDashboard(port: number, config: () => DashboardConfig): Promise<HttpServer> {
  return serveFetch(port, (request) => {
    const path = decodeURIComponent(new URL(request.url).pathname);
    if (path === "/config.json") {
      return Response.json(config(), { headers: { "cache-control": "no-store" } });
    }
    return answerFile(path, request.headers.get("accept-encoding") ?? "");
  });
}

function answerFile(path: string, encodings: string): Response {
  const wanted = join(buildDir, normalize(path));
  const isFile = extname(wanted) !== "" && wanted.startsWith(buildDir) && existsSync(wanted);
  // An address of the program, not a file: the program itself shows it.
  if (!isFile && extname(path) !== "") return new Response("Not found", { status: 404 });
  const file = isFile ? wanted : join(buildDir, "index.html");
  const isBrotli = /\bbr\b/.test(encodings) && existsSync(`${file}.br`);
  return new Response(readFileSync(isBrotli ? `${file}.br` : file), {
    headers: {
      "content-type": types[extname(file)] ?? "application/octet-stream",
      // The build names these by their content.
      "cache-control": path.startsWith("/_app/immutable/")
        ? "public, max-age=31536000, immutable"
        : "no-cache",
      "x-content-type-options": "nosniff",
      "referrer-policy": "no-referrer",
      "x-frame-options": "DENY",
      vary: "accept-encoding",
      ...(isBrotli ? { "content-encoding": "br" } : {}),
    },
  });
}
