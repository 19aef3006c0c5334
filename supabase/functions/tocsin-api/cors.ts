/**
 * A dashboard may be served from anywhere. Any origin may ask, since nothing is answered by a
 * cookie: a caller has to hold a token, and to send it.
 */
export const corsHeaders = {
  "access-control-allow-origin": "*",
  "access-control-expose-headers": "etag, location, retry-after",
};

const requestHeaders = [
  "authorization",
  "apikey",
  "content-type",
  "if-none-match",
  "x-client-info", // sent by supabase-js
  "x-region",
];

export function preflight(methods: readonly string[]): Response {
  return new Response(null, {
    status: 204,
    headers: {
      "access-control-allow-methods": [...methods, "OPTIONS"].join(", "),
      "access-control-allow-headers": requestHeaders.join(", "),
      "access-control-max-age": "7200",
    },
  });
}
