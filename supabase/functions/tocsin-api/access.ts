/**
 * Who may ask. Each function here makes the handler of a route from one that is given the caller,
 * so that a route cannot forget to check.
 */
import { createHash, timingSafeEqual } from "node:crypto";
import type { Caller } from "../_shared/data_api.ts";
import { type Env, readSecretKeys, readText } from "../_shared/env.ts";
import { ApiError, notSignedIn, unauthorized } from "./errors.ts";
import type { Context, Handle } from "./router.ts";

const longestToken = 8_192;
const shortestMetricsToken = 24;
const metricsTokenHint =
  "supabase secrets set TOCSIN_METRICS_TOKEN=$(openssl rand -hex 32), and give the scraper the same.";

/**
 * For users who are signed in. The Data API judges the token, for it is the one that answers: what
 * is checked here is only that there is one, and that it is not the key that everybody may know.
 */
export function asUser(
  handle: (context: Context, caller: Caller) => Response | Promise<Response>,
): Handle {
  return (context) => {
    const token = bearerOf(context.request);
    if (token === undefined || token.startsWith("sb_publishable_")) throw notSignedIn();
    return handle(context, { kind: "user", token });
  };
}

/** For scrapers, who have no user: with the token in the function secret TOCSIN_METRICS_TOKEN. */
export function asScraper(env: Env, handle: Handle): Handle {
  return (context) => {
    const expected = readText(env, "TOCSIN_METRICS_TOKEN");
    if (expected === undefined) {
      throw new ApiError(503, {
        code: "metrics_token_missing",
        message: "Nobody can scrape: the function secret TOCSIN_METRICS_TOKEN is not set.",
        hint: metricsTokenHint,
      });
    }
    if (expected.length < shortestMetricsToken) {
      throw new ApiError(503, {
        code: "metrics_token_too_short",
        message:
          `Nobody can scrape: the function secret TOCSIN_METRICS_TOKEN has fewer than ` +
          `${shortestMetricsToken} characters, and could be guessed.`,
        hint: metricsTokenHint,
      });
    }
    const given = bearerOf(context.request);
    if (given === undefined || !isSame(given, expected)) {
      throw unauthorized(
        "The scraper's token is missing or wrong.",
        "Send Authorization: Bearer <the function secret TOCSIN_METRICS_TOKEN>.",
      );
    }
    return handle(context);
  };
}

/** Who reports errors: with an ingest key, those of its project; with the secret key, of any. */
export type Reporter = { ingestKey: string | null };

const reporterHint =
  "Send Authorization: Bearer <an ingest key>, which an editor of the project makes with " +
  "tocsin.create_ingest_key(), or the project's secret key.";

/** For workers and servers. The database knows which ingest keys are good; here it has to be one. */
export function asReporter(
  env: Env,
  handle: (context: Context, reporter: Reporter) => Promise<Response>,
): Handle {
  return async (context) => {
    const { headers, body } = context.request;
    const given = bearerOf(context.request) ?? headers.get("apikey") ?? "";
    if (/^tocsin_ik_[\w-]{43}$/.test(given)) return handle(context, { ingestKey: given });
    if (readSecretKeys(env).some((key) => isSame(given, key))) {
      return handle(context, { ingestKey: null });
    }
    await body?.cancel();
    throw unauthorized("Reporting errors needs an ingest key.", reporterHint);
  };
}

/** For the project's own servers, which hold its secret key. */
export function asService(env: Env, handle: Handle): Handle {
  return async (context) => {
    const { headers, body } = context.request;
    const given = bearerOf(context.request) ?? headers.get("apikey") ?? "";
    if (readSecretKeys(env).some((key) => isSame(given, key))) return handle(context);
    await body?.cancel();
    throw unauthorized(
      "This route is for the project's own servers.",
      "Send Authorization: Bearer <the project's secret key>, from a server and never a browser.",
    );
  };
}

function bearerOf(request: Request): string | undefined {
  const header = request.headers.get("authorization") ?? "";
  if (header.length > longestToken) return undefined;
  return /^Bearer +(\S+) *$/i.exec(header)?.[1];
}

/** Takes as long for every token, whatever their lengths: what is compared are digests. */
function isSame(given: string, expected: string): boolean {
  const digest = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(given), digest(expected));
}
