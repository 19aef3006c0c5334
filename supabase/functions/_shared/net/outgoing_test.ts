import assert from "node:assert/strict";
import { listen, serve, testAuthority } from "../testing/servers.ts";
import { createOutgoing, OutgoingError, type OutgoingOptions } from "./outgoing.ts";

const json = { "content-type": "application/json" };

function outgoing(options: Partial<OutgoingOptions> = {}) {
  return createOutgoing({
    resolve: (name) => Promise.reject(new Error(`the test did not expect ${name} to be resolved`)),
    ...options,
  });
}

function failsAs(code: string, message: RegExp) {
  return (error: unknown) => {
    assert.ok(error instanceof OutgoingError, String(error));
    assert.equal(error.code, code);
    assert.match(error.message, message);
    return true;
  };
}

async function readRequest(connection: Deno.TcpConn): Promise<void> {
  await connection.read(new Uint8Array(65_536));
}

function write(connection: Deno.TcpConn, text: string): Promise<number> {
  return connection.write(new TextEncoder().encode(text));
}

Deno.test("a request arrives as it was made, and its answer comes back", async () => {
  await using server = serve(() => new Response("taken", { status: 202, headers: { "x-a": "b" } }));
  const send = outgoing({ allowInsecureHosts: `other:1, ${server.host}` });
  const body = '{"text":"größer – ünïcode"}';
  const answer = await send({ url: `${server.url}/hooks/a?b=c#d`, headers: json, body });
  assert.equal(answer.status, 202);
  assert.equal(answer.body, "taken");
  assert.equal(answer.headers.get("x-a"), "b");
  const [received] = server.received;
  assert.equal(received?.method, "POST");
  assert.equal(received?.path, "/hooks/a?b=c");
  assert.equal(received?.body, body);
  assert.equal(received?.headers.get("host"), server.host);
  assert.equal(received?.headers.get("content-type"), "application/json");
});

Deno.test("without a body the address is asked with a GET, by the same rules", async () => {
  await using server = serve(() => new Response("all is well"));
  const send = outgoing({ allowInsecureHosts: server.host });
  const answer = await send({ url: `${server.url}/ping/a?b=c`, headers: { "user-agent": "T" } });
  assert.deepEqual([answer.status, answer.body], [200, "all is well"]);
  const [received] = server.received;
  assert.deepEqual([received?.method, received?.path, received?.body], ["GET", "/ping/a?b=c", ""]);
  assert.equal(received?.headers.get("content-length"), null);
  await assert.rejects(
    send({ url: "https://10.0.0.1/ping", headers: {} }),
    failsAs("blocked", /10\.0\.0\.1/),
  );
});

Deno.test("http is refused to every host that is not listed, its port included", async () => {
  await using server = serve(() => new Response("ok"));
  const send = outgoing({ allowInsecureHosts: `127.0.0.1:1,localhost:${server.port}` });
  await assert.rejects(
    send({ url: server.url, headers: json, body: "{}" }),
    failsAs("blocked", /is not https.*127\.0\.0\.1:\d+.*TOCSIN_ALLOW_INSECURE_HOSTS/),
  );
  assert.equal(server.received.length, 0);
});

for (const url of [
  "https://127.0.0.1/",
  "https://169.254.169.254/latest/meta-data/",
  "https://[::1]/",
  "https://[::ffff:10.0.0.1]/",
  "https://0x7f.1/",
  "https://2130706433/",
  "https://10.1.2.3:8443/",
]) {
  Deno.test(`${url} is refused before anything connects`, async () => {
    const send = outgoing({ connect: () => Promise.reject(new Error("it connected")) });
    await assert.rejects(
      send({ url, headers: json, body: "{}" }),
      failsAs(
        "blocked",
        /(loopback|cloud metadata|IPv4-mapped|private) address and is not sent to/,
      ),
    );
  });
}

Deno.test("a name is refused when any of its addresses is private, saying which", async () => {
  const send = outgoing({
    resolve: () => Promise.resolve(["93.184.215.14", "10.0.0.7"]),
    connect: () => Promise.reject(new Error("it connected")),
  });
  await assert.rejects(
    send({ url: "https://hooks.example.test/x", headers: json, body: "{}" }),
    failsAs("blocked", /hooks\.example\.test resolves to 10\.0\.0\.7, which is a private address/),
  );
});

Deno.test("a name that does not resolve is unreachable, not blocked", async () => {
  const send = outgoing({ resolve: () => Promise.reject(new Error("ENOTFOUND")) });
  await assert.rejects(
    send({ url: "https://gone.example.test/", headers: json, body: "{}" }),
    failsAs("unreachable", /gone\.example\.test cannot be resolved: ENOTFOUND/),
  );
});

Deno.test(
  "the connection goes to the checked address while TLS is checked against the name",
  async () => {
    // No resolver knows hooks.example.test: had anything but the checked address been used, the
    // request could not have arrived.
    await using server = serve(() => new Response("ok"), { tls: true });
    let resolutions = 0;
    const send = outgoing({
      allowInsecureHosts: `hooks.example.test:${server.port}`,
      caCerts: [testAuthority()],
      resolve: () => {
        resolutions += 1;
        return Promise.resolve(["127.0.0.1"]);
      },
    });
    const url = `https://hooks.example.test:${server.port}/pinned`;
    const answer = await send({ url, headers: json, body: "{}" });
    assert.equal(answer.status, 200);
    assert.equal(resolutions, 1);
    assert.equal(server.received[0]?.headers.get("host"), `hooks.example.test:${server.port}`);
  },
);

Deno.test({
  name: "a name that points elsewhere a moment later does not take the request along",
  ignore: Deno.build.os !== "linux", // elsewhere 127.0.0.2 is not an address of the machine
  async fn() {
    await using checked = serve(() => new Response("checked"));
    await using elsewhere = serve(() => new Response("elsewhere"), {
      hostname: "127.0.0.2",
      port: checked.port,
    });
    const answers = [["127.0.0.1"], ["127.0.0.2"]];
    const send = outgoing({
      allowInsecureHosts: `rebinding.example.test:${checked.port}`,
      resolve: () => Promise.resolve(answers.shift() ?? []),
    });
    const url = `http://rebinding.example.test:${checked.port}/`;
    assert.equal((await send({ url, headers: json, body: "{}" })).body, "checked");
    assert.equal(elsewhere.received.length, 0);
    assert.equal((await send({ url, headers: json, body: "{}" })).body, "elsewhere");
  },
});

Deno.test("nothing is sent when the peer is not the checked address", async () => {
  await using server = serve(() => new Response("ok"));
  const send = outgoing({
    resolve: () => Promise.resolve(["93.184.215.14"]),
    connect: () => Deno.connect({ hostname: "127.0.0.1", port: server.port }),
  });
  await assert.rejects(
    send({ url: "https://hooks.example.test/", headers: json, body: "{}" }),
    failsAs("blocked", /went to 127\.0\.0\.1, not to 93\.184\.215\.14/),
  );
  assert.equal(server.received.length, 0);
});

Deno.test("a certificate for another name, or of an unknown authority, is refused", async () => {
  await using server = serve(() => new Response("ok"), { tls: true });
  const resolve = () => Promise.resolve(["127.0.0.1"]);
  const other = outgoing({
    allowInsecureHosts: `other.example.test:${server.port}`,
    caCerts: [testAuthority()],
    resolve,
  });
  await assert.rejects(
    other({ url: `https://other.example.test:${server.port}/`, headers: json, body: "{}" }),
    failsAs("tls", /TLS with other\.example\.test/),
  );
  const unknown = outgoing({ allowInsecureHosts: `hooks.example.test:${server.port}`, resolve });
  await assert.rejects(
    unknown({ url: `https://hooks.example.test:${server.port}/`, headers: json, body: "{}" }),
    failsAs("tls", /TLS with hooks\.example\.test/),
  );
  assert.equal(server.received.length, 0);
});

Deno.test("the next address is tried when the first does not take the connection", async () => {
  await using server = serve(() => new Response("second"));
  const tried: string[] = [];
  const send = outgoing({
    allowInsecureHosts: `two.example.test:${server.port}`,
    resolve: () => Promise.resolve(["::1", "127.0.0.3", "127.0.0.1"]),
    connect: (address, port) => {
      tried.push(address);
      if (address !== "127.0.0.1") return Promise.reject(new Error("refused"));
      return Deno.connect({ hostname: address, port });
    },
  });
  const url = `http://two.example.test:${server.port}/`;
  assert.equal((await send({ url, headers: json, body: "{}" })).body, "second");
  assert.deepEqual(tried, ["127.0.0.3", "127.0.0.1"], "IPv4 first, in the order given");
});

Deno.test("a redirect is an answer like any other and is not followed", async () => {
  await using target = serve(() => new Response("followed"));
  await using server = serve(
    () => new Response(null, { status: 302, headers: { location: target.url } }),
  );
  const send = outgoing({ allowInsecureHosts: `${server.host},${target.host}` });
  const answer = await send({ url: server.url, headers: json, body: "{}" });
  assert.equal(answer.status, 302);
  assert.equal(target.received.length, 0);
});

Deno.test("of a huge answer 64 KiB are read", async () => {
  await using server = serve(() => new Response("x".repeat(5_000_000)));
  const send = outgoing({ allowInsecureHosts: server.host });
  const answer = await send({ url: server.url, headers: json, body: "{}" });
  assert.equal(answer.body.length, 65_536);
  assert.equal(answer.truncated, true);
});

Deno.test("an answer without an end is cut, and its status counts", async () => {
  await using server = listen(async (connection) => {
    await readRequest(connection);
    await write(connection, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
    for (;;) await write(connection, "4000\r\n" + "y".repeat(0x4000) + "\r\n");
  });
  const send = outgoing({ allowInsecureHosts: server.host });
  const answer = await send({ url: server.url, headers: json, body: "{}" });
  assert.equal(answer.status, 200);
  assert.equal(answer.body.length, 65_536);
});

Deno.test("bodies come whole in chunks, by length, until the end, and not at all", async () => {
  const heads: [string, string][] = [
    [
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
      "abcde",
    ],
    ["HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabcdeJUNK", "abcde"],
    ["HTTP/1.0 200\r\nX: 1\r\n\r\nabc", "abc"],
    ["HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n", ""],
  ];
  for (const [raw, body] of heads) {
    await using server = listen(async (connection) => {
      await readRequest(connection);
      for (const character of raw) await write(connection, character);
      connection.closeWrite();
    });
    const send = outgoing({ allowInsecureHosts: server.host });
    const answer = await send({ url: server.url, headers: json, body: "{}" });
    assert.equal(answer.body, body);
    assert.equal(answer.truncated, false);
  }
});

Deno.test("garbage, silence and a hang-up are failures that say so", async () => {
  const cases: [string, RegExp][] = [
    ["SSH-2.0-OpenSSH_9.9\r\n", /not HTTP/],
    ["", /closed unanswered/],
    ["HTTP/1.1 200 OK\r\nx: " + "y".repeat(40_000), /too long/],
  ];
  for (const [raw, message] of cases) {
    await using server = listen(async (connection) => {
      await readRequest(connection);
      if (raw !== "") await write(connection, raw);
      connection.close();
    });
    const send = outgoing({ allowInsecureHosts: server.host });
    await assert.rejects(
      send({ url: server.url, headers: json, body: "{}" }),
      failsAs("protocol", message),
    );
  }
});

Deno.test("an answer that comes before the request is read counts", async () => {
  await using server = listen(async (connection) => {
    await write(connection, "HTTP/1.1 413 Too Large\r\ncontent-length: 3\r\n\r\nbig");
    await connection.read(new Uint8Array(10));
  });
  const send = outgoing({ allowInsecureHosts: server.host });
  const answer = await send({ url: server.url, headers: json, body: "z".repeat(10_000) });
  assert.equal(answer.status, 413);
});

Deno.test("a receiver that takes the connection and says nothing times out", async () => {
  await using server = listen((connection) => readRequest(connection));
  const send = outgoing({ allowInsecureHosts: server.host, totalTimeoutMs: 60 });
  await assert.rejects(
    send({ url: server.url, headers: json, body: "{}" }),
    failsAs("timeout", /did not answer within 60 ms/),
  );
});

Deno.test(
  "a drip that never ends its head times out; one that dripped a status has answered",
  async () => {
    for (const [head, status] of [
      ["HTTP/1.1 200 OK\r\nx: ", 0],
      ["HTTP/1.1 500 Oh\r\n\r\n", 500],
    ] as const) {
      await using server = listen(async (connection) => {
        await readRequest(connection);
        await write(connection, head);
        for (;;) {
          await write(connection, ".");
          await new Promise((resolve) => setTimeout(resolve, 5));
        }
      });
      const send = outgoing({ allowInsecureHosts: server.host, totalTimeoutMs: 80 });
      const sending = send({ url: server.url, headers: json, body: "{}" });
      if (status === 0) await assert.rejects(sending, failsAs("timeout", /did not answer/));
      else assert.equal((await sending).status, status);
      // let the receiver notice that it was hung up on
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  },
);

Deno.test(
  "a connection that does not come about times out, and so does a slow resolver",
  async () => {
    const never = <T>() => new Promise<T>(() => undefined);
    const resolve = () => Promise.resolve(["93.184.215.14"]);
    const request = { url: "https://slow.example.test/", headers: json, body: "{}" };
    await assert.rejects(
      outgoing({ resolve, connect: never, connectTimeoutMs: 30 })(request),
      failsAs("timeout", /No connection to slow\.example\.test within 30 ms/),
    );
    await assert.rejects(
      outgoing({ resolve: never, connectTimeoutMs: 30 })(request),
      failsAs("timeout", /was not resolved within 30 ms/),
    );
  },
);

Deno.test("a refused connection is unreachable", async () => {
  const free = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = free.addr as Deno.NetAddr;
  free.close();
  const send = outgoing({ allowInsecureHosts: `127.0.0.1:${port}` });
  await assert.rejects(
    send({ url: `http://127.0.0.1:${port}/`, headers: json, body: "{}" }),
    failsAs("unreachable", /cannot be reached/),
  );
});

Deno.test("urls with credentials, other schemes and no sense are refused", async () => {
  const send = outgoing();
  const cases: [string, RegExp][] = [
    ["https://user:secret@hooks.example.test/", /user name or password/],
    ["ftp://hooks.example.test/", /ftp:/],
    ["file:///etc/passwd", /file:/],
    ["hooks.example.test", /not a URL/],
  ];
  for (const [url, message] of cases) {
    await assert.rejects(send({ url, headers: json, body: "{}" }), failsAs("invalid", message));
  }
});

Deno.test("a header that would begin another header is not sent", async () => {
  await using server = serve(() => new Response("ok"));
  const send = outgoing({ allowInsecureHosts: server.host });
  for (const headers of [{ "x-a": "b\r\nx-evil: 1" }, { "x a": "b" }, { "x-a:b\r\nc": "d" }]) {
    await assert.rejects(
      send({ url: server.url, headers, body: "{}" }),
      failsAs("invalid", /characters that HTTP does not allow/),
    );
  }
  assert.equal(server.received.length, 0);
});
