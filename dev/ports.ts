// Free ports on the loopback address.

import { createServer } from "node:net";

/** The port itself when it is free, else the next free one ten further, else any. */
export async function freePort(preferred: number): Promise<number> {
  for (let port = preferred; port !== 0 && port < preferred + 100; port += 10) {
    if ((await listenOnce(port)) !== undefined) return port;
  }
  const port = await listenOnce(0);
  if (port === undefined) throw new Error("There is no free port on 127.0.0.1.");
  return port;
}

function listenOnce(port: number): Promise<number | undefined> {
  return new Promise((done) => {
    const server = createServer();
    server.once("error", () => done(undefined));
    server.listen({ port, host: "127.0.0.1", exclusive: true }, () => {
      const address = server.address();
      const got = typeof address === "object" && address ? address.port : port;
      server.close(() => done(got));
    });
  });
}
