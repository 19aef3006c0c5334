/** Every kind of channel that this version can send to. */
import { alertmanagerChannel } from "./alertmanager.ts";
import type { AnyChannel } from "./channel.ts";
import { emailChannel } from "./email.ts";
import { slackChannel } from "./slack.ts";
import { smsChannel } from "./sms.ts";
import { webhookChannel } from "./webhook.ts";

export type Channels = ReadonlyMap<string, AnyChannel>;

export const channels: Channels = new Map(
  [emailChannel, webhookChannel, slackChannel, smsChannel, alertmanagerChannel].map((channel) => [
    channel.kind,
    channel,
  ]),
);
