/**
 * Text messages by Twilio. Each number has a delivery of its own, since nothing of a message tells
 * Twilio that it has it already: what failed for one number is not sent again to the others.
 */
import { z } from "zod";
import { readText, readUrl } from "../../_shared/env.ts";
import { oneLine } from "../../_shared/text.ts";
import { pace } from "../classify.ts";
import { renderSms } from "../render/sms.ts";
import { defineChannel, type SendResult } from "./channel.ts";
import { askProvider, parseJson, type ProviderAnswer, unset } from "./provider.ts";

const config = z.object({
  to: z
    .array(z.string().regex(/^\+[1-9]\d{6,14}$/, "is not a number like +4915112345678"))
    .length(1),
});
const sent = z.object({ sid: z.string() });
const refusal = z.object({ code: z.number(), message: z.string() });

export const smsChannel = defineChannel({
  kind: "sms",
  config,
  isShared: true,

  async send({ config, notification, template }, context) {
    const { env, now } = context;
    const account = readText(env, "TWILIO_ACCOUNT_SID");
    const token = readText(env, "TWILIO_AUTH_TOKEN");
    const from = readText(env, "TWILIO_FROM");
    if (account === undefined) return unset("TWILIO_ACCOUNT_SID", "AC…");
    if (token === undefined) return unset("TWILIO_AUTH_TOKEN", "…");
    if (from === undefined) return unset("TWILIO_FROM", "+15005550006");

    const base = readUrl(env, "TWILIO_BASE_URL") ?? "https://api.twilio.com";
    const answer = await askProvider(
      "Twilio",
      `${base}/2010-04-01/Accounts/${encodeURIComponent(account)}/Messages.json`,
      {
        method: "POST",
        headers: {
          authorization: `Basic ${btoa(`${account}:${token}`)}`,
          "content-type": "application/x-www-form-urlencoded",
        },
        body: new URLSearchParams({
          To: config.to[0] ?? "",
          ...(from.startsWith("MG") ? { MessagingServiceSid: from } : { From: from }),
          Body: renderSms(notification, { template }),
        }).toString(),
      },
      context,
    );
    return "outcome" in answer ? answer : classifyTwilio(answer, now());
  },

  secretsOf: ({ to }) => to,
});

/** Codes that say that this number will not get it, however often it is tried. */
const undeliverable = new Set([21211, 21214, 21217, 21408, 21610, 21612, 21614, 21635]);

export function classifyTwilio(answer: ProviderAnswer, now: Date): SendResult {
  const { status, body: response } = answer;
  const seen = { httpStatus: status, response };
  if (answer.isOk) {
    const { data } = sent.safeParse(parseJson(response));
    return {
      outcome: "delivered",
      ...seen,
      ...(data === undefined ? {} : { providerId: data.sid }),
    };
  }
  const { data } = refusal.safeParse(parseJson(response));
  const said = `Twilio answered ${status}${
    data === undefined ? "" : ` ${data.code}: ${oneLine(data.message).slice(0, 300)}`
  }`;
  if (data?.code === 21610) {
    return { outcome: "dead", error: `${said}. The number has answered STOP.`, ...seen };
  }
  if (status === 400 && data !== undefined && undeliverable.has(data.code)) {
    return { outcome: "dead", error: said, ...seen };
  }
  if (status === 401 || status === 403) {
    return {
      outcome: "retry",
      error: `${said} Check the function secrets TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN.`,
      ...seen,
    };
  }
  if (status === 400) return { outcome: "dead", error: `${said} Check TWILIO_FROM.`, ...seen };
  return { outcome: "retry", error: said, ...pace(status, answer.retryAfter, now), ...seen };
}
