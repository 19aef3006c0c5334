/** Answers that a browser may keep for a moment, and ask about again without being sent them. */
import { createHash } from "node:crypto";

/** As long as the heart's beat: what is counted does not change much in between. */
const keptForSeconds = 5;

export function cachedJson(request: Request, body: unknown): Response {
  const text = JSON.stringify(body);
  const etag = `W/"${createHash("sha256").update(text).digest("base64url").slice(0, 27)}"`;
  const headers = {
    etag,
    "cache-control": `private, max-age=${keptForSeconds}, must-revalidate`,
    // One browser, two people: neither is shown what was answered to the other.
    vary: "authorization",
  };
  if (isKnown(request.headers.get("if-none-match"), etag)) {
    return new Response(null, { status: 304, headers });
  }
  return new Response(text, {
    status: 200,
    headers: { "content-type": "application/json", ...headers },
  });
}

function isKnown(header: string | null, etag: string): boolean {
  if (header === null) return false;
  const weak = (tag: string) => tag.trim().replace(/^W\//, "");
  return header.split(",").some((tag) => tag.trim() === "*" || weak(tag) === weak(etag));
}
