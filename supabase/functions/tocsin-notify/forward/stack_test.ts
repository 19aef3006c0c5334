import assert from "node:assert/strict";
import { type Frame, parseStack } from "./stack.ts";

const brief = ({ function: called, filename, lineno, inApp }: Frame) =>
  `${inApp ? "" : "- "}${called ?? "?"} ${filename}:${lineno ?? "?"}`;

function read(stack: string) {
  const { language, chain } = parseStack(stack);
  return { language, frames: chain[0]?.frames.map(brief) };
}

const cases: [string, string, { language: string; frames: string[] }][] = [
  [
    "Node",
    `TypeError: x
    at charge (/app/src/charge.ts:10:5)
    at new Order (file:///app/src/order.js:1:2)
    at Object.<anonymous> (/app/node_modules/a/b.js:3:4)
    at Array.map (<anonymous>)
    at async Promise.all (index 0)
    at node:internal/main/run_main:99:1
    at /app/main.js:7:1`,
    {
      language: "javascript",
      frames: [
        "? /app/main.js:7",
        "- ? node:internal/main/run_main:99",
        "- Array.map <anonymous>:?",
        "- Object.<anonymous> /app/node_modules/a/b.js:3",
        "Order /app/src/order.js:1",
        "charge /app/src/charge.ts:10",
      ],
    },
  ],
  [
    "Deno",
    `Error: x
    at handler (file:///var/tmp/sb/source/index.ts:12:9)
    at mapped (ext:runtime/http.js:242:42)
    at https://esm.sh/zod@3/index.mjs:1:99`,
    {
      language: "javascript",
      frames: [
        "- ? https://esm.sh/zod@3/index.mjs:1",
        "- mapped ext:runtime/http.js:242",
        "handler /var/tmp/sb/source/index.ts:12",
      ],
    },
  ],
  [
    "Firefox",
    "load@https://x.example/app.js:1:2034\n@https://x.example/start.js:3:1",
    {
      language: "javascript",
      frames: ["? https://x.example/start.js:3", "load https://x.example/app.js:1"],
    },
  ],
  [
    "Python",
    `Traceback (most recent call last):
  File "/app/main.py", line 10, in <module>
    run()
  File "/usr/lib/python3.12/site-packages/x.py", line 3, in go
ValueError: bad`,
    {
      language: "python",
      frames: ["<module> /app/main.py:10", "- go /usr/lib/python3.12/site-packages/x.py:3"],
    },
  ],
  [
    "Go",
    `goroutine 1 [running]:
main.(*Server).handle(0xc000010000, {0x1, 0x2})
\t/src/app/server.go:42 +0x1d
main.main()
\t/src/app/main.go:9 +0x20`,
    {
      language: "go",
      frames: ["main.main /src/app/main.go:9", "main.(*Server).handle /src/app/server.go:42"],
    },
  ],
  [
    "Java",
    `java.lang.IllegalStateException: x
\tat com.shop.Billing.charge(Billing.java:12)
\tat java.base/java.lang.Thread.run(Thread.java:840)`,
    {
      language: "java",
      frames: [
        "- java.base/java.lang.Thread.run Thread.java:840",
        "com.shop.Billing.charge Billing.java:12",
      ],
    },
  ],
  [
    "no stack at all",
    "it broke\nat once\nat 10:30 we stopped @home: 3",
    { language: "other", frames: [] },
  ],
];

for (const [name, stack, expected] of cases) {
  Deno.test(`frames of ${name}, oldest first`, () => {
    assert.deepEqual(read(stack), expected);
  });
}

Deno.test("the innermost hundred frames are kept", () => {
  const lines = Array.from({ length: 300 }, (_, n) => `    at f${n} (/a.js:${n + 1}:1)`);
  const frames = parseStack(["Error", ...lines].join("\n")).chain[0]?.frames ?? [];
  assert.equal(frames.length, 100);
  assert.equal(frames.at(-1)?.function, "f0");
});

Deno.test("a stack made to be slow is not", () => {
  const started = performance.now();
  for (const piece of [
    "at (",
    "at async ",
    "((((",
    "a@",
    ':1:1"',
    '  File "',
    "[cause]: ",
    "at a (",
  ]) {
    parseStack(piece.repeat(32_768 / piece.length));
    parseStack(`${piece}\n`.repeat(32_768 / (piece.length + 1)));
  }
  assert.ok(performance.now() - started < 2_000);
});
