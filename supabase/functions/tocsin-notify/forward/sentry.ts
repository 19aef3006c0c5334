/**
 * Sentry, and what speaks its protocol: GlitchTip, Bugsink, a Relay of one's own. Each error is an
 * envelope with one event, as the protocol has it: an envelope holds one event at most.
 */
import { type Env, readText } from "../../_shared/env.ts";
import type { Answer } from "../../_shared/net/http1.ts";
import { byteLength } from "../../_shared/text.ts";
import { version } from "../../_shared/version.ts";
import { type Dsn, parseDsn } from "./dsn.ts";
import {
  classifyNoAnswer,
  classifyRefusal,
  type Connection,
  type Forwarder,
  type SendContext,
  type Sent,
} from "./forwarder.ts";
import { renderSentryEvent, sdk, type SentryEvent, shrinkSentryEvent } from "./sentry_event.ts";
import { pauseOf } from "./sentry_limits.ts";

/** Sentry takes 200 KB as they come over the wire. */
const largestEvent = 190_000;

export const sentry: Forwarder = {
  name: "sentry",
  connect(env: Env) {
    const text = readText(env, "SENTRY_DSN");
    if (text === undefined) return undefined;
    const dsn = parseDsn(text);
    return "problem" in dsn ? dsn : connectTo(dsn, text);
  },
};

function connectTo(dsn: Dsn, text: string): Connection {
  const secrets = [text, dsn.publicKey, dsn.secretKey].filter((secret) => secret !== undefined);
  return {
    secrets,
    async send(outbound, context) {
      let event = renderSentryEvent(outbound);
      let isShrunk = byteLength(JSON.stringify(event)) > largestEvent;
      if (isShrunk) event = shrinkSentryEvent(event);
      for (;;) {
        const answer = await post(dsn, event, context);
        if ("outcome" in answer) return answer;
        if (answer.status !== 413 || isShrunk) return classify(answer, dsn, context.now());
        event = shrinkSentryEvent(event);
        isShrunk = true;
      }
    },
  };
}

async function post(dsn: Dsn, event: SentryEvent, context: SendContext): Promise<Answer | Sent> {
  try {
    return await context.outgoing({
      url: dsn.url,
      headers: {
        "content-type": "application/x-sentry-envelope",
        "user-agent": `Tocsin/${version}`,
        "x-sentry-auth": authOf(dsn),
      },
      body: renderEnvelope(event, context.now()),
    });
  } catch (error) {
    return classifyNoAnswer(error);
  }
}

function authOf({ publicKey, secretKey }: Dsn): string {
  const fields = [
    "sentry_version=7",
    `sentry_client=${sdk.name}/${sdk.version}`,
    `sentry_key=${publicKey}`,
    ...(secretKey === undefined ? [] : [`sentry_secret=${secretKey}`]),
  ];
  return `Sentry ${fields.join(", ")}`;
}

/** Three lines of JSON: whose it is and when it was sent, what follows, and the event. */
export function renderEnvelope(event: SentryEvent, sentAt: Date): string {
  const payload = JSON.stringify(event);
  const lines = [
    JSON.stringify({ event_id: event.event_id, sent_at: sentAt.toISOString(), sdk }),
    JSON.stringify({
      type: "event",
      length: byteLength(payload),
      content_type: "application/json",
    }),
    payload,
  ];
  return lines.join("\n") + "\n";
}

function classify(answer: Answer, dsn: Dsn, now: Date): Sent {
  const pauseMs = pauseOf(answer.status, answer.headers, now);
  if (answer.status >= 200 && answer.status < 300) {
    return {
      outcome: "forwarded",
      httpStatus: answer.status,
      ...(pauseMs === undefined ? {} : { pauseMs }),
    };
  }
  const advice =
    "Check the function secret SENTRY_DSN: the project's DSN is in Sentry under Settings > " +
    "Projects > (project) > Client Keys.";
  return classifyRefusal(`Sentry at ${dsn.host}`, answer, advice, now, pauseMs);
}
