/** Receivers on loopback for tests: HTTP, HTTPS, and plain sockets for those who misbehave. */

export interface Received {
  method: string;
  path: string;
  headers: Headers;
  body: string;
}

export interface TestServer extends AsyncDisposable {
  port: number;
  host: string;
  url: string;
  received: Received[];
}

type Answer = (request: Received, number: number) => Response | Promise<Response>;

export interface ServeOptions {
  hostname?: string;
  port?: number;
  /** With the test certificate, which is for `hooks.example.test`. */
  tls?: boolean;
}

export function serve(answer: Answer, options: ServeOptions = {}): TestServer {
  const received: Received[] = [];
  const hostname = options.hostname ?? "127.0.0.1";
  const server = Deno.serve(
    {
      hostname,
      port: options.port ?? 0,
      onListen: () => undefined,
      ...(options.tls === true ? { cert: pem("server.pem"), key: pem("server.key") } : {}),
    },
    async (request) => {
      const url = new URL(request.url);
      const entry = {
        method: request.method,
        path: url.pathname + url.search,
        headers: request.headers,
        body: await request.text(),
      };
      received.push(entry);
      return await answer(entry, received.length);
    },
  );
  const { port } = server.addr;
  return {
    port,
    host: `${hostname}:${port}`,
    url: `http://${hostname}:${port}`,
    received,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

/** A socket that does with each connection what the test says. */
export function listen(onConnection: (connection: Deno.TcpConn) => Promise<void>): TestServer {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const open: Deno.TcpConn[] = [];
  const done = (async () => {
    for await (const connection of listener) {
      open.push(connection);
      onConnection(connection).catch(() => undefined);
    }
  })();
  const { port } = listener.addr as Deno.NetAddr;
  return {
    port,
    host: `127.0.0.1:${port}`,
    url: `http://127.0.0.1:${port}`,
    received: [],
    async [Symbol.asyncDispose]() {
      listener.close();
      await done;
      for (const connection of open) {
        try {
          connection.close();
        } catch {
          // closed by the test already
        }
      }
    },
  };
}

export function testAuthority(): string {
  return pem("ca.pem");
}

function pem(name: string): string {
  return Deno.readTextFileSync(new URL(name, import.meta.url));
}
