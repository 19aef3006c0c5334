/**
 * One HTTP/1.1 request over a connection that is already open, and its answer.
 *
 * Why by hand: a webhook must go to the very address that was checked. `fetch` resolves the name
 * again, and the Edge Runtime's `node:https` refuses a `lookup` option (Deno 2.1) while newer Deno
 * takes it. `Deno.connect` to an address and `Deno.startTls` with the name do the same everywhere.
 * What is left to do is small: no redirects, no keep-alive, no compression, no proxies.
 */

/** What this module needs of Deno.Conn. */
export interface Connection {
  read(into: Uint8Array): Promise<number | null>;
  write(from: Uint8Array): Promise<number>;
  close(): void;
}

export interface Answer {
  status: number;
  headers: ReadonlyMap<string, string>;
  /** The body as text, at most `maxBodyBytes` of it. */
  body: string;
  /** True when there was more than was read. */
  truncated: boolean;
}

export interface Request1 {
  method: "GET" | "POST";
  url: URL;
  headers: Readonly<Record<string, string>>;
  body: Uint8Array;
  maxBodyBytes: number;
}

/** The other side did not speak HTTP, or hung up. */
export class ProtocolError extends Error {
  override readonly name = "ProtocolError";
}

/** What is to be sent is not HTTP: a header that would begin another one. */
export class RequestError extends Error {
  override readonly name = "RequestError";
}

const maxHeadBytes = 16 * 1024;
const encoder = new TextEncoder();

export async function exchange(connection: Connection, request: Request1): Promise<Answer> {
  const head = encodeHead(request);
  let writeError: unknown;
  try {
    await writeAll(connection, head);
    await writeAll(connection, request.body);
  } catch (error) {
    // A receiver may answer and hang up before it has read everything: its answer counts.
    writeError = error;
  }
  const answer = new AnswerReader(connection, request.maxBodyBytes);
  try {
    return await answer.read();
  } catch (error) {
    const partial = answer.partial();
    if (partial !== undefined) return partial;
    throw writeError ?? error;
  }
}

function encodeHead({ method, url, headers, body }: Request1): Uint8Array {
  const lines = [`${method} ${url.pathname}${url.search} HTTP/1.1`, `host: ${url.host}`];
  for (const [name, value] of Object.entries(headers)) {
    if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name) || !/^[\t\x20-\x7e\x80-\xff]*$/.test(value)) {
      throw new RequestError(`The header "${name}" holds characters that HTTP does not allow.`);
    }
    lines.push(`${name}: ${value}`);
  }
  if (method === "POST") lines.push(`content-length: ${body.length}`);
  lines.push("accept-encoding: identity", "connection: close");
  const text = lines.join("\r\n") + "\r\n\r\n";
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

async function writeAll(connection: Connection, bytes: Uint8Array): Promise<void> {
  let written = 0;
  while (written < bytes.length) written += await connection.write(bytes.subarray(written));
}

class AnswerReader {
  readonly #connection: Connection;
  readonly #maxBodyBytes: number;
  #buffer = new Uint8Array(0);
  #chunkBytes = 1024;
  #head: { status: number; headers: Map<string, string> } | undefined;
  #body: Uint8Array[] = [];
  #bodyBytes = 0;

  constructor(connection: Connection, maxBodyBytes: number) {
    this.#connection = connection;
    this.#maxBodyBytes = maxBodyBytes;
  }

  async read(): Promise<Answer> {
    let head = await this.#readHead();
    while (head.status >= 100 && head.status < 200) head = await this.#readHead();
    this.#head = head;
    return this.#finish(head, !(await this.#readBody(head)));
  }

  /** What is known when reading stopped early: the status is the answer, the body is for the log. */
  partial(): Answer | undefined {
    return this.#head === undefined ? undefined : this.#finish(this.#head, true);
  }

  #finish(head: { status: number; headers: Map<string, string> }, truncated: boolean): Answer {
    const encoding = head.headers.get("content-encoding") ?? "identity";
    const body = encoding === "identity" ? new TextDecoder().decode(concat(this.#body)) : "";
    return { status: head.status, headers: head.headers, body, truncated };
  }

  async #readHead(): Promise<{ status: number; headers: Map<string, string> }> {
    let budget = maxHeadBytes;
    const nextLine = async () => {
      const line = await this.#readLine(budget);
      budget -= line.length + 2;
      return line;
    };
    const first = await nextLine();
    const status = /^HTTP\/1\.[01] ([1-5]\d\d)(?: |$)/.exec(first)?.[1];
    if (status === undefined) throw new ProtocolError("The answer is not HTTP/1.1.");
    const headers = new Map<string, string>();
    for (let line = await nextLine(); line !== ""; line = await nextLine()) {
      const colon = line.indexOf(":");
      const name = line.slice(0, colon).trim().toLowerCase();
      if (colon > 0 && !headers.has(name)) headers.set(name, line.slice(colon + 1).trim());
    }
    return { status: Number(status), headers };
  }

  /** True when the body was read to its end. */
  async #readBody({ status, headers }: { status: number; headers: Map<string, string> }) {
    if (status === 204 || status === 304) return true;
    if (/\bchunked\b/i.test(headers.get("transfer-encoding") ?? ""))
      return await this.#readChunks();
    const length = headers.get("content-length");
    if (length !== undefined && /^\d+$/.test(length)) return await this.#take(Number(length));
    for (;;) {
      if (this.#buffer.length === 0 && !(await this.#fill())) return true;
      if (!(await this.#take(this.#buffer.length))) return false;
    }
  }

  async #readChunks(): Promise<boolean> {
    for (;;) {
      const size = Number.parseInt((await this.#readLine(1024)).trim(), 16);
      if (!Number.isSafeInteger(size) || size < 0) throw new ProtocolError("A chunk has no size.");
      if (size === 0) return true;
      if (!(await this.#take(size))) return false;
      await this.#readLine(2);
    }
  }

  /** Moves `count` bytes into the body; false when the limit was reached before. */
  async #take(count: number): Promise<boolean> {
    let left = count;
    while (left > 0) {
      const room = this.#maxBodyBytes - this.#bodyBytes;
      if (room === 0) return false;
      if (this.#buffer.length === 0 && !(await this.#fill())) {
        throw new ProtocolError("The answer ended early.");
      }
      const piece = this.#buffer.subarray(0, Math.min(left, room));
      this.#body.push(piece);
      this.#bodyBytes += piece.length;
      this.#buffer = this.#buffer.subarray(piece.length);
      left -= piece.length;
    }
    return true;
  }

  async #readLine(limit: number): Promise<string> {
    for (;;) {
      const end = this.#buffer.indexOf(10);
      if (end > limit || (end < 0 && this.#buffer.length > limit)) {
        throw new ProtocolError("The head of the answer is too long.");
      }
      if (end >= 0) {
        const line = new TextDecoder("latin1").decode(this.#buffer.subarray(0, end));
        this.#buffer = this.#buffer.subarray(end + 1);
        return line.endsWith("\r") ? line.slice(0, -1) : line;
      }
      if (!(await this.#fill())) throw new ProtocolError("The connection was closed unanswered.");
    }
  }

  async #fill(): Promise<boolean> {
    const chunk = new Uint8Array(this.#chunkBytes);
    // most answers are short, and a long one is worth longer reads
    this.#chunkBytes = Math.min(16 * 1024, 2 * this.#chunkBytes);
    const count = await this.#connection.read(chunk);
    if (count === null) return false;
    this.#buffer = concat([this.#buffer, chunk.subarray(0, count)]);
    return true;
  }
}

function concat(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}

export function encodeText(text: string): Uint8Array {
  return encoder.encode(text);
}
