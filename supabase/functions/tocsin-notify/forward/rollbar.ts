/** Rollbar: each error is one item, under a project's access token. */
import { type Env, readText, readUrl } from "../../_shared/env.ts";
import type { Answer } from "../../_shared/net/http1.ts";
import { byteLength } from "../../_shared/text.ts";
import { version } from "../../_shared/version.ts";
import {
  classifyNoAnswer,
  classifyRefusal,
  type Connection,
  type Forwarder,
  type SendContext,
  type Sent,
} from "./forwarder.ts";
import { renderRollbarItem, type RollbarItem, shrinkRollbarItem } from "./rollbar_item.ts";

const itsUrl = "https://api.rollbar.com";
const largestItem = 490_000;

export const rollbar: Forwarder = {
  name: "rollbar",
  connect(env: Env) {
    const token = readText(env, "ROLLBAR_ACCESS_TOKEN");
    if (token === undefined) return undefined;
    if (!/^[\x21-\x7e]{8,200}$/.test(token)) {
      return { problem: "ROLLBAR_ACCESS_TOKEN is no token: it holds blanks or is too short." };
    }
    return connectTo(`${readUrl(env, "ROLLBAR_BASE_URL") ?? itsUrl}/api/1/item/`, token);
  },
};

function connectTo(url: string, token: string): Connection {
  return {
    secrets: [token],
    async send(outbound, context) {
      let item = renderRollbarItem(outbound);
      let isShrunk = byteLength(JSON.stringify(item)) > largestItem;
      if (isShrunk) item = shrinkRollbarItem(item);
      for (;;) {
        const answer = await post(url, token, item, context);
        if ("outcome" in answer) return answer;
        if (answer.status !== 413 || isShrunk) return classify(answer, context.now());
        item = shrinkRollbarItem(item);
        isShrunk = true;
      }
    },
  };
}

async function post(
  url: string,
  token: string,
  item: RollbarItem,
  context: SendContext,
): Promise<Answer | Sent> {
  try {
    return await context.outgoing({
      url,
      headers: {
        "content-type": "application/json",
        "user-agent": `Tocsin/${version}`,
        "x-rollbar-access-token": token,
      },
      body: JSON.stringify(item),
    });
  } catch (error) {
    return classifyNoAnswer(error);
  }
}

function classify(answer: Answer, now: Date): Sent {
  const { status } = answer;
  if (status >= 200 && status < 300) return { outcome: "forwarded", httpStatus: status };
  const advice =
    "Check the function secret ROLLBAR_ACCESS_TOKEN: it is a project access token with the scope " +
    "post_server_item.";
  return classifyRefusal("Rollbar", answer, advice, now, limitOf(answer, now));
}

/** Until Rollbar's window is over, by its own headers. */
function limitOf({ status, headers }: Answer, now: Date): number | undefined {
  if (status !== 429) return undefined;
  const seconds = headers.get("x-rate-limit-remaining-seconds");
  if (seconds !== undefined && /^\d+$/.test(seconds)) return Number(seconds) * 1_000;
  const reset = headers.get("x-rate-limit-reset");
  if (reset === undefined || !/^\d+$/.test(reset)) return undefined;
  return Math.max(0, Number(reset) * 1_000 - now.getTime());
}
