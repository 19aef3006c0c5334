/** Whether the function is there and reaches its database. For uptime checks: anybody may ask. */
import { z } from "zod";
import { announcer } from "../../_shared/announce.ts";
import { DataApiError } from "../../_shared/data_api.ts";
import { ConfigurationError } from "../../_shared/env.ts";
import { json } from "../../_shared/http.ts";
import { version } from "../../_shared/version.ts";
import type { Deps } from "../deps.ts";
import { toResponse } from "../errors.ts";
import type { Route } from "../router.ts";

/** For so long an answer stands, so that nobody can keep the database busy by asking. */
const standsForMs = 2_000;

export function healthRoutes({ db, env, now, log }: Deps): Route[] {
  const announce = announcer(db, env, log);
  let asked: { at: number; answer: Promise<string> } | undefined;

  const databaseVersion = (): Promise<string> => {
    const at = now().getTime();
    if (asked === undefined || Math.abs(at - asked.at) >= standsForMs) {
      asked = { at, answer: db.call({ kind: "service" }, "version", {}, z.string()) };
    }
    return asked.answer;
  };

  const handle = async (): Promise<Response> => {
    try {
      const database = { status: "ok", version: await databaseVersion() };
      await announce();
      return json(200, { status: "ok", version, database });
    } catch (error) {
      if (!(error instanceof DataApiError) && !(error instanceof ConfigurationError)) throw error;
      const problem = toResponse(error, log);
      const failed = { status: "fail", version, database: { status: "fail" } };
      return json(503, { ...failed, ...(await problem.json()) }, { "retry-after": "5" });
    }
  };
  return [{ method: "GET", path: "/health", handle }];
}
