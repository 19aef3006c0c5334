/** Every kind of channel that this version can send to. */
import type { AnyChannel } from "./channel.ts";
import { emailChannel } from "./email.ts";
import { webhookChannel } from "./webhook.ts";

export type Channels = ReadonlyMap<string, AnyChannel>;

export const channels: Channels = new Map(
  [emailChannel, webhookChannel].map((channel) => [channel.kind, channel]),
);
