/**
 * Requests to addresses that users gave. Each is resolved once, every address it resolves to is
 * checked, and the connection goes to one of the checked addresses and no other: the name is not
 * resolved again, so it cannot point somewhere else by then. After connecting, the peer's address
 * is compared once more before a byte is sent. Redirects are never followed.
 *
 * https only, but for the `host:port` pairs that the operator lists in
 * TOCSIN_ALLOW_INSECURE_HOSTS; those may be http and may be private.
 */
import { lookup } from "node:dns/promises";
import { blockedKind, parseAddress } from "./addresses.ts";
import { type Answer, encodeText, exchange, ProtocolError, RequestError } from "./http1.ts";

export type Resolve = (hostname: string) => Promise<string[]>;
export type Connect = (address: string, port: number) => Promise<Deno.TcpConn>;

export interface OutgoingOptions {
  resolve: Resolve;
  /** `host:port` pairs, separated by commas. */
  allowInsecureHosts?: string;
  connectTimeoutMs?: number;
  totalTimeoutMs?: number;
  maxBodyBytes?: number;
  /** Certificates to trust besides the runtime's, in PEM. For tests. */
  caCerts?: string[];
  connect?: Connect;
}

export interface OutgoingRequest {
  url: string;
  headers: Readonly<Record<string, string>>;
  /** Posted; left out: the address is asked with a GET. */
  body?: string;
}

export type Outgoing = (request: OutgoingRequest) => Promise<Answer>;

export type OutgoingErrorCode =
  "blocked" | "invalid" | "unreachable" | "timeout" | "tls" | "protocol";

/** Why there is no answer. `blocked` and `invalid` will not get better by waiting. */
export class OutgoingError extends Error {
  override readonly name = "OutgoingError";
  readonly code: OutgoingErrorCode;

  constructor(code: OutgoingErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

export async function resolveWithSystem(hostname: string): Promise<string[]> {
  const found = await lookup(hostname, { all: true });
  return found.map((entry) => entry.address);
}

export function createOutgoing(options: OutgoingOptions): Outgoing {
  const connectTimeoutMs = options.connectTimeoutMs ?? 10_000;
  const totalTimeoutMs = options.totalTimeoutMs ?? 30_000;
  const allowed = parseAllowList(options.allowInsecureHosts ?? "");
  const connect = options.connect ?? ((hostname, port) => Deno.connect({ hostname, port }));

  return async ({ url: target, headers, body }) => {
    const url = parseTarget(target);
    const port = Number(url.port || (url.protocol === "https:" ? 443 : 80));
    const hostname = url.hostname.replace(/^\[|\]$/g, "");
    const trusted = allowed.has(`${url.hostname}:${port}`);
    if (url.protocol === "http:" && !trusted) {
      throw new OutgoingError(
        "blocked",
        `${url.origin} is not https. Use an https address, or list "${url.hostname}:${port}" in ` +
          "the function secret TOCSIN_ALLOW_INSECURE_HOSTS.",
      );
    }

    const open: { close(): void }[] = [];
    const started = performance.now();
    const left = (limit: number) => Math.max(0, limit - (performance.now() - started));
    try {
      const addresses = await within(
        connectTimeoutMs,
        `${hostname} was not resolved within ${seconds(connectTimeoutMs)}.`,
        resolveChecked(options.resolve, hostname, port, trusted),
      );
      const connection = await within(
        left(connectTimeoutMs),
        `No connection to ${url.host} within ${seconds(connectTimeoutMs)}.`,
        openConnection(url, hostname, port, addresses),
      );
      return await within(
        left(totalTimeoutMs),
        `${url.host} did not answer within ${seconds(totalTimeoutMs)}.`,
        exchange(connection, {
          method: body === undefined ? "GET" : "POST",
          url,
          headers,
          body: encodeText(body ?? ""),
          maxBodyBytes: options.maxBodyBytes ?? 64 * 1024,
        }),
        // Closing makes the pending read fail, and what was read by then is the answer, if it is one.
        () => closeAll(open),
      );
    } catch (error) {
      throw asOutgoingError(error, url);
    } finally {
      closeAll(open);
    }

    async function openConnection(
      url: URL,
      hostname: string,
      port: number,
      addresses: readonly string[],
    ): Promise<Deno.Conn> {
      let lastError: unknown;
      for (const address of addresses) {
        let tcp: Deno.TcpConn;
        try {
          tcp = await connect(address, port);
        } catch (error) {
          lastError = error;
          continue;
        }
        if (left(connectTimeoutMs) === 0) {
          tcp.close();
          throw new OutgoingError("timeout", `Connecting to ${url.host} took too long.`);
        }
        open.push(tcp);
        verifyPeer(tcp, address);
        if (url.protocol === "http:") return tcp;
        const tls = await Deno.startTls(tcp, {
          hostname,
          alpnProtocols: ["http/1.1"],
          ...(options.caCerts === undefined ? {} : { caCerts: options.caCerts }),
        });
        open.push(tls);
        try {
          await tls.handshake();
        } catch (error) {
          throw new OutgoingError("tls", `TLS with ${url.host} failed: ${text(error)}`);
        }
        return tls;
      }
      throw lastError ?? new OutgoingError("unreachable", `${hostname} has no address.`);
    }
  };
}

function parseTarget(target: string): URL {
  if (!URL.canParse(target)) throw new OutgoingError("invalid", "The channel's url is not a URL.");
  const url = new URL(target);
  if (url.protocol !== "https:" && url.protocol !== "http:") {
    throw new OutgoingError("invalid", `${url.protocol} addresses cannot be sent to: use https.`);
  }
  if (url.username !== "" || url.password !== "") {
    throw new OutgoingError(
      "invalid",
      "The channel's url holds a user name or password: put them into an authorization header.",
    );
  }
  return url;
}

function parseAllowList(list: string): Set<string> {
  return new Set(
    list
      .split(",")
      .map((entry) => entry.trim().toLowerCase())
      .filter(Boolean),
  );
}

/** The addresses to try, IPv4 first; throws when one of them is not public. */
async function resolveChecked(
  resolve: Resolve,
  hostname: string,
  port: number,
  trusted: boolean,
): Promise<string[]> {
  let addresses = [hostname];
  if (parseAddress(hostname) === undefined) {
    try {
      addresses = await resolve(hostname);
    } catch (error) {
      throw new OutgoingError("unreachable", `${hostname} cannot be resolved: ${text(error)}`);
    }
  }
  if (addresses.length === 0) {
    throw new OutgoingError("unreachable", `${hostname} has no address.`);
  }
  for (const address of trusted ? [] : addresses) {
    const kind = blockedKind(address);
    if (kind !== undefined) {
      const subject = address === hostname ? address : `${hostname} resolves to ${address}, which`;
      throw new OutgoingError(
        "blocked",
        `${subject} is a ${kind} address and is not sent to. Use a public address, or list ` +
          `"${hostname.includes(":") ? `[${hostname}]` : hostname}:${port}" in the function ` +
          "secret TOCSIN_ALLOW_INSECURE_HOSTS.",
      );
    }
  }
  return [...addresses].sort((a, b) => Number(a.includes(":")) - Number(b.includes(":")));
}

function verifyPeer(connection: Deno.TcpConn, address: string): void {
  const peer = parseAddress(connection.remoteAddr.hostname);
  if (peer?.join() !== parseAddress(address)?.join()) {
    throw new OutgoingError(
      "blocked",
      `The connection went to ${connection.remoteAddr.hostname}, not to ${address} as checked.`,
    );
  }
}

/**
 * A promise with a limit. With `onLimit`, the promise is given a moment to settle because of what
 * that does, since it may still have something to say.
 */
async function within<T>(
  ms: number,
  message: string,
  promise: Promise<T>,
  onLimit?: () => void,
): Promise<T> {
  let expired = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const limit = new Promise<never>((_, reject) => {
    const fail = () => reject(new OutgoingError("timeout", message));
    timer = setTimeout(() => {
      expired = true;
      onLimit?.();
      if (onLimit === undefined) fail();
      else timer = setTimeout(fail, 1_000);
    }, ms);
  });
  try {
    return await Promise.race([promise, limit]);
  } catch (error) {
    throw expired ? new OutgoingError("timeout", message) : error;
  } finally {
    clearTimeout(timer);
    promise.catch(() => undefined);
  }
}

function asOutgoingError(error: unknown, url: URL): OutgoingError {
  if (error instanceof OutgoingError) return error;
  if (error instanceof RequestError) return new OutgoingError("invalid", error.message);
  if (error instanceof ProtocolError) return new OutgoingError("protocol", error.message);
  return new OutgoingError("unreachable", `${url.host} cannot be reached: ${text(error)}`);
}

function closeAll(open: { close(): void }[]): void {
  for (const connection of open.splice(0)) {
    try {
      connection.close();
    } catch {
      // Already closed by the other side, or taken over by TLS.
    }
  }
}

function seconds(ms: number): string {
  return ms >= 1000 ? `${Math.round(ms / 1000)} s` : `${ms} ms`;
}

function text(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
