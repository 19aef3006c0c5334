/**
 * The interface of a channel kind. A new kind is one file here, one line in the registry, one page
 * in docs/reference, one test.
 */
import type { z } from "zod";
import type { Env } from "../../_shared/env.ts";
import type { Outgoing } from "../../_shared/net/outgoing.ts";
import type { Notification } from "../notification.ts";

/** What one attempt came to. `error` is for people: what happened and what to do about it. */
export type SendResult =
  | { outcome: "delivered"; httpStatus?: number; response?: string; providerId?: string }
  | {
      outcome: "retry";
      error: string;
      httpStatus?: number;
      response?: string;
      retryAfterMs?: number;
      /** The receiver is overrun: it timed out, or said so. */
      overloaded?: boolean;
    }
  | {
      outcome: "dead";
      error: string;
      httpStatus?: number;
      response?: string;
      /** The receiver wants no more, of anything. */
      gone?: boolean;
    };

export interface Message<Config> {
  deliveryId: string;
  channelName: string;
  config: Config;
  /** Newest first. */
  secrets: readonly string[];
  notification: Notification;
  /** What the setting says instead of the usual text. */
  template: string | null;
}

export interface SendContext {
  env: Env;
  /** For addresses that Tocsin knows, like a provider's. */
  fetch: typeof fetch;
  /** For addresses that users gave: guarded. */
  outgoing: Outgoing;
  now: () => Date;
  timeoutMs: number;
}

export interface Channel<Schema extends z.ZodType = z.ZodType> {
  kind: string;
  config: Schema;
  /**
   * How long after its creation a delivery may be repeated: as long as the receiver can tell a
   * repetition from a new message. Without it, until the attempts are used up.
   */
  repeatableForMs?: number;
  /** All channels of the kind go to one provider: when it asks for a pause, all of them pause. */
  isShared?: boolean;
  send(message: Message<z.infer<Schema>>, context: SendContext): Promise<SendResult>;
  /** Values in its config that must not appear in what is recorded, which more people see. */
  secretsOf?(config: z.infer<Schema>): string[];
}

/** A channel with its config's type forgotten, as the registry keeps it. */
export interface AnyChannel {
  kind: string;
  repeatableForMs: number | undefined;
  isShared?: boolean;
  /** Parses the config and sends; a config that is wrong is dead at once, with what is wrong. */
  send(message: Message<unknown>, context: SendContext): Promise<SendResult>;
  secretsOf(config: unknown): string[];
}

export function defineChannel<Schema extends z.ZodType>(channel: Channel<Schema>): AnyChannel {
  return {
    kind: channel.kind,
    repeatableForMs: channel.repeatableForMs,
    isShared: channel.isShared ?? false,
    async send(message, context) {
      const config = channel.config.safeParse(message.config);
      if (!config.success) {
        const issues = config.error.issues.map(
          (issue) => `${issue.path.join(".") || "config"}: ${issue.message}`,
        );
        return {
          outcome: "dead",
          error:
            `The channel "${message.channelName}" is not set up rightly (${issues.join("; ")}). ` +
            "Correct it in tocsin.alert_channels, then call tocsin.retry_delivery().",
        };
      }
      return await channel.send({ ...message, config: config.data }, context);
    },
    secretsOf(config) {
      const parsed = channel.config.safeParse(config);
      return parsed.success ? (channel.secretsOf?.(parsed.data) ?? []) : [];
    },
  };
}
