/**
 * Standard Webhooks: `webhook-signature` holds one `v1` signature of `id.timestamp.body` for each
 * secret, so that a receiver that has either the old or the new secret accepts it during a
 * rotation.
 */
import { Webhook } from "standardwebhooks";

export interface SignedHeaders {
  "webhook-id": string;
  "webhook-timestamp": string;
  "webhook-signature": string;
}

/** A secret that is not `whsec_` and base64 of at least 24 bytes. */
export class SecretError extends Error {
  override readonly name = "SecretError";
}

export function signWebhook(
  id: string,
  sentAt: Date,
  body: string,
  secrets: readonly string[],
): SignedHeaders {
  if (secrets.length === 0) throw new SecretError("The channel has no secret to sign with.");
  return {
    "webhook-id": id,
    "webhook-timestamp": String(Math.floor(sentAt.getTime() / 1000)),
    "webhook-signature": secrets.map((secret) => sign(id, sentAt, body, secret)).join(" "),
  };
}

function sign(id: string, sentAt: Date, body: string, secret: string): string {
  const key = /^whsec_([A-Za-z0-9+/]+={0,2})$/.exec(secret)?.[1];
  if (key === undefined || key.replace(/=+$/, "").length < 32) {
    throw new SecretError("A secret of the channel is not whsec_ and base64 of at least 24 bytes.");
  }
  return new Webhook(secret).sign(id, sentAt, body);
}
