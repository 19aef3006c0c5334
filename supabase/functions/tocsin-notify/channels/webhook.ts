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
import { customHeaders } from "./headers.ts";

const config = z.object({
  url: z.string().min(1),
  headers: z
    .record(z.string(), z.string())
    .nullish()
    .transform((value) => value ?? {}),
});

export const webhookChannel = defineChannel({
  kind: "webhook",
  config,

  async send({ deliveryId, config, secrets, notification, template }, { outgoing, now }) {
    const body = renderWebhook(notification, { template });
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
