// Resend's API, as far as sending an email goes: https://resend.com/docs/api-reference. Its errors
// have Resend's status, name and shape, since the notifier decides by them.

import { createHash, randomUUID } from "node:crypto";
import { z } from "zod";

const address = z.string();
const addresses = z.union([address, z.array(address)]).transform((value) => [value].flat());

const emailSchema = z.object({
  from: address,
  to: addresses,
  subject: z.string(),
  html: z.string().nullish(),
  text: z.string().nullish(),
  cc: addresses.nullish(),
  bcc: addresses.nullish(),
  reply_to: addresses.nullish(),
  headers: z.record(z.string(), z.string()).nullish(),
  tags: z.array(z.object({ name: z.string(), value: z.string() })).nullish(),
});

export const messageSchema = z.object({
  id: z.string(),
  received_at: z.string(),
  from: z.string(),
  to: z.array(z.string()),
  cc: z.array(z.string()),
  bcc: z.array(z.string()),
  reply_to: z.array(z.string()),
  subject: z.string(),
  html: z.string(),
  text: z.string(),
  headers: z.record(z.string(), z.string()),
  tags: z.array(z.object({ name: z.string(), value: z.string() })),
  idempotency_key: z.string().nullable(),
  body_hash: z.string(),
  /** How often the same request came again; it was answered and not sent again. */
  repeat_count: z.number(),
});

export type Message = z.infer<typeof messageSchema>;

export const failureSchema = z.object({
  status: z.number().int().min(400).max(599).default(500),
  times: z.number().int().min(1).default(1),
  name: z.string().optional(),
  message: z.string().optional(),
  /** Seconds, or an HTTP date. */
  retryAfter: z.union([z.number(), z.string()]).optional(),
  delayMs: z.number().int().min(0).default(0),
});

export type Failure = z.infer<typeof failureSchema>;

export type Answer = {
  status: number;
  body: unknown;
  headers?: Record<string, string>;
  /** The message that this request made, if it made one. */
  message?: Message;
};

const usual: Record<number, [string, string]> = {
  400: ["validation_error", "We found an error with one or more fields in the request."],
  401: ["missing_api_key", "Missing API Key"],
  403: ["invalid_api_key", "API key is invalid"],
  404: ["not_found", "The requested endpoint does not exist."],
  409: [
    "concurrent_idempotent_requests",
    "Same idempotency key used while original request is still in progress.",
  ],
  422: ["validation_error", "The request body is not valid."],
  429: [
    "rate_limit_exceeded",
    "Too many requests. You can only make 5 requests per second. See rate limit response headers " +
      "for more information. Or contact support to increase rate limit.",
  ],
  500: ["application_error", "An unexpected error occurred."],
};

export function refuse(status: number, name?: string, message?: string): Answer {
  const [usualName, usualMessage] = usual[status] ?? usual[500] ?? ["", ""];
  return {
    status,
    body: { statusCode: status, message: message ?? usualMessage, name: name ?? usualName },
  };
}

export function refuseAsAsked({ status, name, message, retryAfter }: Failure): Answer {
  return {
    ...refuse(status, name, message),
    ...(retryAfter === undefined ? {} : { headers: { "retry-after": String(retryAfter) } }),
  };
}

/** Who asks: undefined when that is in order. */
export function checkKey(
  authorization: string | null,
  keys?: readonly string[],
): Answer | undefined {
  const key = /^Bearer\s+(\S+)$/i.exec(authorization ?? "")?.[1];
  if (key === undefined) return refuse(401);
  const known = keys === undefined ? key.startsWith("re_") : keys.includes(key);
  return known ? undefined : refuse(403);
}

const remembersMs = 24 * 60 * 60 * 1000;

export function sendEmail(
  text: string,
  idempotencyKey: string | null,
  kept: readonly Message[],
  now: Date,
): Answer {
  if (idempotencyKey !== null && (idempotencyKey === "" || idempotencyKey.length > 256)) {
    return refuse(400, "invalid_idempotency_key", "The key must be between 1-256 chars.");
  }
  const hash = createHash("sha256").update(text).digest("hex");
  const earlier = idempotencyKey === null ? undefined : find(kept, idempotencyKey, now);
  if (earlier !== undefined) {
    if (earlier.body_hash !== hash) {
      return refuse(
        409,
        "invalid_idempotent_request",
        "Same idempotency key used with a different request payload.",
      );
    }
    earlier.repeat_count += 1;
    return { status: 200, body: { id: earlier.id } };
  }

  const checked = checkBody(text);
  if ("status" in checked) return checked;
  const message: Message = {
    id: randomUUID(),
    received_at: now.toISOString(),
    from: checked.from,
    to: checked.to,
    cc: checked.cc ?? [],
    bcc: checked.bcc ?? [],
    reply_to: checked.reply_to ?? [],
    subject: checked.subject,
    html: checked.html ?? "",
    text: checked.text ?? "",
    headers: checked.headers ?? {},
    tags: checked.tags ?? [],
    idempotency_key: idempotencyKey,
    body_hash: hash,
    repeat_count: 0,
  };
  return { status: 200, body: { id: message.id }, message };
}

function find(kept: readonly Message[], key: string, now: Date): Message | undefined {
  return kept.find(
    (message) =>
      message.idempotency_key === key &&
      now.getTime() - Date.parse(message.received_at) < remembersMs,
  );
}

function checkBody(text: string): z.infer<typeof emailSchema> | Answer {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    return refuse(400, "validation_error", "The request body is not valid JSON.");
  }
  const fields = z.record(z.string(), z.unknown()).safeParse(body);
  if (!fields.success) return refuse(422);
  for (const name of ["from", "to", "subject"]) {
    if (fields.data[name] === undefined) {
      return refuse(422, "missing_required_field", `Missing \`${name}\` field.`);
    }
  }
  const parsed = emailSchema.safeParse(body);
  if (!parsed.success) {
    const name = parsed.error.issues[0]?.path.join(".") ?? "body";
    return refuse(422, "validation_error", `Invalid \`${name}\` field.`);
  }
  return checkFields(parsed.data) ?? parsed.data;
}

function checkFields(email: z.infer<typeof emailSchema>): Answer | undefined {
  const { from, to, cc, bcc, reply_to, tags, html, text } = email;
  const lists = { from: [from], to, cc, bcc, reply_to };
  for (const [name, list] of Object.entries(lists)) {
    if ((list ?? []).every(isAddress)) continue;
    return refuse(
      422,
      "validation_error",
      `Invalid \`${name}\` field. The email address needs to follow the \`email@example.com\` or ` +
        "`Name <email@example.com>` format.",
    );
  }
  if (to.length < 1 || to.length > 50) {
    return refuse(422, "validation_error", "The `to` field must have between 1 and 50 addresses.");
  }
  if (!html && !text) {
    return refuse(422, "missing_required_field", "Missing `html` or `text` field.");
  }
  const wrong = tags?.find((tag) => !/^[\w-]{1,256}$/.test(tag.name + tag.value));
  if (wrong) {
    return refuse(
      422,
      "validation_error",
      "Tags should only contain ASCII letters, numbers, underscores, or dashes.",
    );
  }
  return undefined;
}

function isAddress(text: string): boolean {
  const plain = /^[^<>]*<([^<>]+)>$/.exec(text.trim())?.[1] ?? text.trim();
  return !/[\r\n]/.test(text) && /^[^\s@<>,;]+@[^\s@<>,;]+$/.test(plain);
}
