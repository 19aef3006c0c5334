/**
 * Email by Resend. The delivery's id is the Idempotency-Key, which Resend remembers for 24 hours:
 * a repetition after that could arrive twice, so there is none. Each recipient has a delivery of their
 * own, and can unsubscribe with their mail program's button.
 *
 * The SDK composes the request; what it would do with fetch is done here, since it follows
 * redirects, has no limit of time or size, and takes no fetch of one's own.
 */
import { Resend } from "resend";
import { z } from "zod";
import { type Env, readText, readUrl } from "../../_shared/env.ts";
import { cutBytes, oneLine } from "../../_shared/text.ts";
import { classifyResendError } from "../classify.ts";
import { renderEmail } from "../render/email.ts";
import { defineChannel, type SendContext, type SendResult } from "./channel.ts";
import { askProvider, parseJson, unset } from "./provider.ts";

const config = z.object({
  to: z.array(z.string().min(3)).min(1).max(50),
  from: z.string().min(3).nullish(),
  unsubscribe_token: z
    .string()
    .regex(/^[\w-]{16,128}$/)
    .nullish(),
});

const sent = z.object({ id: z.string() });
const refusal = z.object({ name: z.string(), message: z.string() });

export const emailChannel = defineChannel({
  kind: "email",
  config,
  isShared: true,
  repeatableForMs: 24 * 60 * 60 * 1000,

  async send({ deliveryId, config, notification, template }, context) {
    const { env } = context;
    const key = readText(env, "RESEND_API_KEY");
    const from = config.from ?? readText(env, "TOCSIN_EMAIL_FROM");
    if (key === undefined) return unset("RESEND_API_KEY", "re_…");
    if (from === undefined) return unset("TOCSIN_EMAIL_FROM", '"Tocsin <alerts@your-domain>"');

    const email = renderEmail(notification, {
      dashboardUrl: readUrl(env, "TOCSIN_DASHBOARD_URL"),
      template,
    });
    const resend = new ResendOverFetch(key, env, context);
    await resend.emails.send(
      {
        from: oneLine(from),
        to: config.to,
        subject: email.subject,
        html: email.html,
        text: email.text,
        headers: {
          "Auto-Submitted": "auto-generated",
          "X-Entity-Ref-ID": deliveryId,
          ...unsubscribeHeaders(env, config.unsubscribe_token),
        },
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

  secretsOf: (config) => [
    ...config.to,
    ...(config.unsubscribe_token == null ? [] : [config.unsubscribe_token]),
  ],
});

/**
 * The mail program's own button (RFC 8058): it posts to this address, without a session. The
 * token is the recipient's; it opens nothing else.
 */
function unsubscribeHeaders(env: Env, token: string | null | undefined): Record<string, string> {
  const url = readUrl(env, "SUPABASE_URL");
  if (url === undefined || token == null) return {};
  return {
    "List-Unsubscribe": `<${url}/functions/v1/tocsin-notify/unsubscribe?token=${token}>`,
    "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
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
    const answer = await askProvider("Resend", url, options, this.#context);
    if ("outcome" in answer) return answer;
    const { status, body: response } = answer;
    if (answer.isOk) {
      const { data } = sent.safeParse(parseJson(response));
      return {
        outcome: "delivered",
        httpStatus: status,
        response,
        ...(data === undefined ? {} : { providerId: data.id }),
      };
    }
    const { data } = refusal.safeParse(parseJson(response));
    return classifyResendError(
      {
        status,
        name: data?.name ?? "without a reason",
        message: data?.message ?? cutBytes(oneLine(response), 200),
        retryAfter: answer.retryAfter,
        response,
      },
      this.#context.now(),
    );
  }
}
