/**
 * Email by Resend. The delivery's id is the Idempotency-Key, which Resend remembers for 24 hours:
 * a repetition after that could arrive twice, so there is none.
 *
 * The SDK composes the request; what it would do with fetch is done here, since it follows
 * redirects, has no limit of time or size, and takes no fetch of one's own.
 */
import { Resend } from "resend";
import { z } from "zod";
import { type Env, readText, readUrl } from "../../_shared/env.ts";
import { messageOf } from "../../_shared/log.ts";
import { cutBytes, oneLine } from "../../_shared/text.ts";
import { classifyResendError } from "../classify.ts";
import { renderEmail } from "../render/email.ts";
import { defineChannel, type SendContext, type SendResult } from "./channel.ts";

const config = z.object({
  to: z.array(z.string().min(3)).min(1).max(50),
  from: z.string().min(3).nullish(),
});

const sent = z.object({ id: z.string() });
const refusal = z.object({ name: z.string(), message: z.string() });
const maxAnswerBytes = 64 * 1024;

export const emailChannel = defineChannel({
  kind: "email",
  config,
  repeatableForMs: 24 * 60 * 60 * 1000,

  async send({ deliveryId, config, notification }, context) {
    const { env } = context;
    const key = readText(env, "RESEND_API_KEY");
    const from = config.from ?? readText(env, "TOCSIN_EMAIL_FROM");
    if (key === undefined) return unset("RESEND_API_KEY", "re_…");
    if (from === undefined) return unset("TOCSIN_EMAIL_FROM", '"Tocsin <alerts@your-domain>"');

    const email = renderEmail(notification, { dashboardUrl: readUrl(env, "TOCSIN_DASHBOARD_URL") });
    const resend = new ResendOverFetch(key, env, context);
    await resend.emails.send(
      {
        from: oneLine(from),
        to: config.to,
        subject: email.subject,
        html: email.html,
        text: email.text,
        headers: { "Auto-Submitted": "auto-generated", "X-Entity-Ref-ID": deliveryId },
        tags: [
          { name: "tocsin_kind", value: tag(notification.kind) },
          { name: "tocsin_severity", value: tag(notification.severity) },
          { name: "tocsin_purpose", value: tag(notification.purpose) },
        ],
      },
      { idempotencyKey: deliveryId },
    );
    return resend.result;
  },
});

function unset(name: string, example: string): SendResult {
  return {
    outcome: "retry",
    error: `The function secret ${name} is not set. Run: supabase secrets set ${name}=${example}`,
  };
}

/** Resend's tags are ASCII letters, digits, underscores and dashes. */
function tag(value: string): string {
  return value.replace(/[^A-Za-z0-9_-]/g, "_").slice(0, 256) || "none";
}

class ResendOverFetch extends Resend {
  result: SendResult = { outcome: "retry", error: "Resend was not asked." };
  readonly #context: SendContext;

  constructor(key: string, env: Env, context: SendContext) {
    super(key, { baseUrl: readUrl(env, "RESEND_BASE_URL") ?? "https://api.resend.com" });
    this.#context = context;
  }

  override async fetchRequest<T>(path: string, options: RequestInit = {}) {
    this.result = await this.#exchange(`${this.baseUrl}${path}`, options);
    // The SDK's caller looks at `result`; this satisfies the type.
    const error = { name: "application_error" as const, message: "", statusCode: null };
    return { data: null, error, headers: null } satisfies Awaited<
      ReturnType<Resend["fetchRequest"]>
    > as Awaited<ReturnType<typeof Resend.prototype.fetchRequest<T>>>;
  }

  async #exchange(url: string, options: RequestInit): Promise<SendResult> {
    const { fetch, now, timeoutMs } = this.#context;
    const abort = new AbortController();
    const timer = setTimeout(() => abort.abort(), timeoutMs);
    try {
      const answer = await fetch(url, { ...options, redirect: "manual", signal: abort.signal });
      const response = await readLimited(answer);
      if (answer.ok) {
        const { data } = sent.safeParse(parseJson(response));
        return {
          outcome: "delivered",
          httpStatus: answer.status,
          response,
          ...(data === undefined ? {} : { providerId: data.id }),
        };
      }
      const { data } = refusal.safeParse(parseJson(response));
      return classifyResendError(
        {
          status: answer.status,
          name: data?.name ?? "without a reason",
          message: data?.message ?? cutBytes(oneLine(response), 200),
          retryAfter: answer.headers.get("retry-after"),
          response,
        },
        now(),
      );
    } catch (error) {
      return abort.signal.aborted
        ? {
            outcome: "retry",
            error: `Resend did not answer within ${timeoutMs / 1000} s.`,
            overloaded: true,
          }
        : { outcome: "retry", error: `Resend cannot be reached: ${messageOf(error)}` };
    } finally {
      clearTimeout(timer);
    }
  }
}

async function readLimited(answer: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  for await (const chunk of answer.body ?? []) {
    const room = maxAnswerBytes - bytes;
    text += decoder.decode(chunk.subarray(0, room), { stream: true });
    bytes += chunk.length;
    if (bytes >= maxAnswerBytes) break;
  }
  return text;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
