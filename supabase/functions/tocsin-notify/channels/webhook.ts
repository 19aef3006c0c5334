/**
 * Webhooks by the Standard Webhooks rules: signed JSON under 20 kB, the delivery's id in
 * `webhook-id` in every attempt, the time of sending in `webhook-timestamp`.
 */
import { z } from "zod";
import { version } from "../../_shared/version.ts";
import { classifyWebhookAnswer, classifyWebhookFailure } from "../classify.ts";
import { renderWebhook } from "../render/webhook.ts";
import { SecretError, signWebhook } from "../sign.ts";
import { defineChannel, type SendResult } from "./channel.ts";

const config = z.object({
  url: z.string().min(1),
  headers: z
    .record(z.string(), z.string())
    .nullish()
    .transform((value) => value ?? {}),
});

/** Headers that are Tocsin's or HTTP's own; a channel's headers cannot set them. */
const reserved =
  /^(webhook-.*|content-.*|host|user-agent|connection|keep-alive|transfer-encoding|te|trailer|upgrade|expect|accept-encoding|proxy-.*)$/;

export const webhookChannel = defineChannel({
  kind: "webhook",
  config,

  async send({ deliveryId, config, secrets, notification }, { outgoing, now }) {
    const body = renderWebhook(notification);
    let signature;
    try {
      signature = signWebhook(`msg_${deliveryId}`, now(), body, secrets);
    } catch (error) {
      if (error instanceof SecretError) return unsigned(error);
      throw error;
    }
    const headers = {
      ...customHeaders(config.headers),
      "content-type": "application/json",
      "user-agent": `Tocsin/${version}`,
      ...signature,
    };
    try {
      const answer = await outgoing({ url: config.url, headers, body });
      return classifyWebhookAnswer(answer, new URL(config.url).host, now());
    } catch (error) {
      return classifyWebhookFailure(error);
    }
  },

  secretsOf: ({ headers }) => Object.values(headers),
});

/** Nothing leaves unsigned. A secret that cannot be read now may be readable later. */
function unsigned(error: SecretError): SendResult {
  return {
    outcome: "retry",
    error: `${error.message} Set the channel's secret; tocsin.doctor() tells if Vault cannot be read.`,
  };
}

function customHeaders(headers: Readonly<Record<string, string>>): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    const lower = name.trim().toLowerCase();
    if (!reserved.test(lower)) kept[lower] = value.trim();
  }
  return kept;
}
