/**
 * Which route a request is for. A route is a method, a path and what answers it; a group of routes
 * is a module in `routes/`, and `handler.ts` lists the groups.
 */
import { ApiError } from "./errors.ts";

export interface Context {
  request: Request;
  url: URL;
  /** The named parts of the path, decoded. */
  params: Record<string, string>;
}

export type Handle = (context: Context) => Response | Promise<Response>;

export interface Route {
  method: "GET" | "POST";
  /** As in `/metrics/workflow/:workflow_id`; a named part may be empty. */
  path: string;
  handle: Handle;
}

export interface Match {
  /** The methods that the path has; empty: there is no such path. */
  methods: string[];
  /** As "GET /metrics"; undefined where there is no such path, or not by this method. */
  route: string | undefined;
  /** Undefined where the path has no such method. */
  handle: Handle | undefined;
  params: Record<string, string>;
}

export function createRouter(routes: readonly Route[]): (method: string, path: string) => Match {
  const compiled = routes.map((route) => ({ ...route, pattern: patternOf(route.path) }));
  return (method, path) => {
    const onPath = compiled.flatMap(({ pattern, ...route }) => {
      const found = pattern.exec(path);
      return found === null ? [] : [{ ...route, parts: found.groups ?? {} }];
    });
    // A HEAD is a GET whose body is left out, at the end.
    const wanted = method === "HEAD" ? "GET" : method;
    const chosen = onPath.find((route) => route.method === wanted);
    return {
      methods: onPath.flatMap((route) =>
        route.method === "GET" ? ["GET", "HEAD"] : [route.method],
      ),
      route: chosen && `${chosen.method} ${chosen.path}`,
      handle: chosen?.handle,
      params: Object.fromEntries(
        Object.entries(chosen?.parts ?? {}).map(([name, text]) => [name, decode(name, text)]),
      ),
    };
  };
}

/** What is left of the path behind the function's own name, wherever it is served. */
export function pathInFunction(url: URL): string {
  return url.pathname.replace(/^\/(?:functions\/v1\/)?tocsin-api(?=\/|$)/, "") || "/";
}

function patternOf(path: string): RegExp {
  return new RegExp(`^${path.replace(/:(\w+)/g, "(?<$1>[^/]*)")}$`);
}

function decode(name: string, text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new ApiError(400, {
      code: "invalid_path",
      message: `The ${name} in the path is not percent-encoded UTF-8.`,
      hint: "Encode it with encodeURIComponent().",
    });
  }
}
