/**
 * Slack by incoming webhook, as Block Kit. The address is the secret: it is kept in Vault, comes
 * with the claim, and is never in the row nor in what is recorded.
 */
import { z } from "zod";
import { readUrl } from "../../_shared/env.ts";
import type { Answer } from "../../_shared/net/http1.ts";
import { oneLine } from "../../_shared/text.ts";
import { version } from "../../_shared/version.ts";
import { classifyWebhookAnswer, classifyWebhookFailure } from "../classify.ts";
import { renderSlack } from "../render/slack.ts";
import { defineChannel, type SendResult } from "./channel.ts";

export const slackChannel = defineChannel({
  kind: "slack",
  config: z.object({}),

  async send({ secrets, notification, template }, { env, outgoing, now }) {
    const [url] = secrets;
    if (url === undefined || !URL.canParse(url)) {
      return {
        outcome: "retry",
        error:
          "The address of the Slack channel cannot be read from Vault. tocsin.doctor() tells more; " +
          "giving the channel its url again puts it right.",
      };
    }
    const dashboardUrl = readUrl(env, "TOCSIN_DASHBOARD_URL");
    const body = JSON.stringify(renderSlack(notification, { dashboardUrl, template }));
    const headers = { "content-type": "application/json", "user-agent": `Tocsin/${version}` };
    try {
      return classifySlack(await outgoing({ url, headers, body }), new URL(url).host, now());
    } catch (error) {
      return classifyWebhookFailure(error);
    }
  },
});

/** What Slack says in words when the webhook, or what it posts to, is not there any more. */
const gone = /^(no_service|no_active_hooks|no_team|channel_not_found|channel_is_archived)\b/;

export function classifySlack(answer: Answer, host: string, now: Date): SendResult {
  const { status } = answer;
  const said = oneLine(answer.body).slice(0, 200);
  const seen = { httpStatus: status, response: answer.body };
  if (status === 410 || (status === 404 && gone.test(said))) {
    return {
      outcome: "dead",
      error: `gone: ${host} answered ${status} ${said}. Make a new incoming webhook in Slack.`,
      gone: true,
      ...seen,
    };
  }
  if (status === 400) {
    return { outcome: "dead", error: `${host} refused the message: ${said}`, ...seen };
  }
  if (status === 403) {
    return {
      outcome: "retry",
      error: `${host} answered 403 ${said}. Ask an admin of the Slack workspace.`,
      ...seen,
    };
  }
  return classifyWebhookAnswer(answer, host, now);
}
