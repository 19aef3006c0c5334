/** The guarded way out, to one server on loopback. */
import { createOutgoing, type Outgoing } from "../../../_shared/net/outgoing.ts";
import type { TestServer } from "../../../_shared/testing/servers.ts";

export function outgoingTo(server: TestServer): Outgoing {
  return createOutgoing({
    resolve: () => Promise.reject(new Error("no name is to be resolved")),
    allowInsecureHosts: server.host,
    totalTimeoutMs: 5_000,
  });
}
