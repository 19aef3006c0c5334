/**
 * A request to a provider that Tocsin knows: with a limit of time and size, and following no
 * redirect, since it carries the provider's key.
 */
import { messageOf } from "../../_shared/log.ts";
import type { SendContext, SendResult } from "./channel.ts";

export interface ProviderAnswer {
  status: number;
  isOk: boolean;
  body: string;
  retryAfter: string | null;
}

const maxAnswerBytes = 64 * 1024;

/** The provider's answer; or what came of it when there was none. */
export async function askProvider(
  name: string,
  url: string,
  options: RequestInit,
  { fetch, timeoutMs }: Pick<SendContext, "fetch" | "timeoutMs">,
): Promise<ProviderAnswer | SendResult> {
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(), timeoutMs);
  try {
    const answer = await fetch(url, { ...options, redirect: "manual", signal: abort.signal });
    return {
      status: answer.status,
      isOk: answer.ok,
      body: await readLimited(answer),
      retryAfter: answer.headers.get("retry-after"),
    };
  } catch (error) {
    return abort.signal.aborted
      ? {
          outcome: "retry",
          error: `${name} did not answer within ${timeoutMs / 1000} s.`,
          overloaded: true,
        }
      : { outcome: "retry", error: `${name} cannot be reached: ${messageOf(error)}` };
  } finally {
    clearTimeout(timer);
  }
}

export function unset(name: string, example: string): SendResult {
  return {
    outcome: "retry",
    error: `The function secret ${name} is not set. Run: supabase secrets set ${name}=${example}`,
  };
}

export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

async function readLimited(answer: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  for await (const chunk of answer.body ?? []) {
    const room = maxAnswerBytes - bytes;
    text += decoder.decode(chunk.subarray(0, room), { stream: true });
    bytes += chunk.length;
    if (bytes >= maxAnswerBytes) break;
  }
  return text;
}
