// One address for the whole API, as a Supabase project has it: /rest/v1 and /auth/v1 by Supabase
// Lite on our PostgreSQL, /functions/v1/<name> by the functions' own processes.

import { createHmac, timingSafeEqual } from "node:crypto";
import pg from "pg";
import type { ProjectConfig } from "./config.ts";
import { problem, type Functions } from "./functions.ts";
import { serveFetch } from "./http.ts";
import type { Keys } from "./keys.ts";
import { startLite } from "./lite.ts";

export type GatewayOptions = {
  port: number;
  /** Of a role that may become each API role and may use the Auth tables. */
  databaseUrl: string;
  config: ProjectConfig;
  keys: Keys;
  functions: () => Functions | undefined;
};

export type Gateway = { url: string; port: number; stop: () => Promise<void> };

export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const { config, keys, databaseUrl } = options;
  const lite = await startLite(databaseUrl, { config, keys });

  // As PostgREST: the database says when its tables and functions have changed.
  const listener = new pg.Client({ connectionString: databaseUrl });
  listener.on("error", () => undefined);
  listener.on("notification", () => void lite.reloadSchema());
  await listener.connect();
  await listener.query("listen pgrst");

  const server = await serveFetch(options.port, (request) => {
    const [, area, version, name] = new URL(request.url).pathname.split("/");
    if (version === "v1" && (area === "rest" || area === "auth")) {
      return fromAnywhere(request, (asked) => lite.fetch(asked));
    }
    if (version === "v1" && area === "functions") return callFunction(name ?? "", request);
    return problem(404, "NOT_FOUND", "There are /rest/v1, /auth/v1 and /functions/v1/<name>.");
  });

  const callFunction = async (name: string, request: Request): Promise<Response> => {
    const functions = options.functions();
    const settings = config.functions[name];
    if (!functions?.names.includes(name) || settings?.enabled === false) {
      return problem(404, "NOT_FOUND", "Requested function was not found");
    }
    const guarded = (settings?.verify_jwt ?? true) && request.method !== "OPTIONS";
    if (guarded && !isAuthorized(request, keys)) {
      return problem(401, "UNAUTHORIZED_NO_AUTH_HEADER", "Missing or invalid authorization header");
    }
    return functions.fetch(name, request);
  };

  return {
    url: server.url,
    port: server.port,
    stop: async () => {
      await server.stop();
      await listener.end();
      await lite.close();
    },
  };
}

/** As the platform has it: a page of any origin may ask, and sends its key or its session along. */
async function fromAnywhere(
  request: Request,
  answer: (request: Request) => Promise<Response>,
): Promise<Response> {
  const isPreflight = request.method === "OPTIONS";
  const response = isPreflight ? new Response(null, { status: 204 }) : await answer(request);
  const headers = new Headers(response.headers);
  headers.set("access-control-allow-origin", "*");
  headers.set("access-control-expose-headers", "*");
  if (isPreflight) {
    const wanted = request.headers.get("access-control-request-headers") ?? "*";
    headers.set("access-control-allow-headers", wanted);
    headers.set("access-control-allow-methods", "GET, POST, PUT, PATCH, DELETE, OPTIONS, HEAD");
    headers.set("access-control-max-age", "3600");
  }
  return new Response(response.body, { status: response.status, headers });
}

/** verify_jwt as the platform has it: a key of the project's or a session that it signed. */
function isAuthorized(request: Request, keys: Keys): boolean {
  const bearer = /^Bearer (.+)$/i.exec(request.headers.get("authorization") ?? "")?.[1];
  const given = [bearer, request.headers.get("apikey") ?? undefined];
  if (given.includes(keys.publishable) || given.includes(keys.secret)) return true;
  return bearer !== undefined && isSessionToken(bearer, keys.jwtSecret);
}

function isSessionToken(token: string, secret: string): boolean {
  const [head = "", body = "", signature = ""] = token.split(".");
  const expected = createHmac("sha256", secret).update(`${head}.${body}`).digest();
  const given = Buffer.from(signature, "base64url");
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) return false;
  try {
    const claims = JSON.parse(Buffer.from(body, "base64url").toString()) as { exp?: unknown };
    return typeof claims.exp === "number" && claims.exp * 1000 > Date.now();
  } catch {
    return false;
  }
}
