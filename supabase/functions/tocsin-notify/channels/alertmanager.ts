/**
 * Prometheus Alertmanager by its API, version 2. It groups, routes and silences by itself; Tocsin
 * hands over one alert a notification, and ends it when it is resolved.
 */
import { z } from "zod";
import { version } from "../../_shared/version.ts";
import { classifyWebhookAnswer, classifyWebhookFailure } from "../classify.ts";
import { renderAlertmanager } from "../render/alertmanager.ts";
import { defineChannel } from "./channel.ts";
import { customHeaders } from "./headers.ts";

const config = z.object({
  url: z.string().min(1),
  headers: z
    .record(z.string(), z.string())
    .nullish()
    .transform((value) => value ?? {}),
});

export const alertmanagerChannel = defineChannel({
  kind: "alertmanager",
  config,

  async send({ config, notification, template }, { outgoing, now }) {
    const url = alertsUrl(config.url);
    const body = JSON.stringify([renderAlertmanager(notification, { template })]);
    const headers = {
      ...customHeaders(config.headers),
      "content-type": "application/json",
      "user-agent": `Tocsin/${version}`,
    };
    try {
      const answer = await outgoing({ url, headers, body });
      const host = new URL(url).host;
      // it says what is wrong with the alert; another attempt would be refused too
      if (answer.status === 400) {
        const said = answer.body.slice(0, 200);
        return {
          outcome: "dead",
          error: `${host} refused the alert: ${said}`,
          httpStatus: 400,
          response: answer.body,
        };
      }
      return classifyWebhookAnswer(answer, host, now());
    } catch (error) {
      return classifyWebhookFailure(error);
    }
  },

  secretsOf: ({ headers }) => Object.values(headers),
});

/** Alertmanager's own address is enough; the API's is taken as it is. */
export function alertsUrl(address: string): string {
  if (!URL.canParse(address)) return address;
  const url = new URL(address);
  if (!url.pathname.endsWith("/api/v2/alerts")) {
    url.pathname = `${url.pathname.replace(/\/+$/, "")}/api/v2/alerts`;
  }
  return url.href;
}
