// The programs of docs/how-to/verify-a-webhook.md, each run by its own language's interpreter.

import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Webhook } from "standardwebhooks";
import { repository } from "./paths.ts";

export type Language = "ts" | "python" | "go" | "ruby" | "php";
type Case = { name: string; expected: boolean; secret: string; headers: Headers; body: string };

/** Ends each program with one that reads a case and says whether it is verified. */
const ends: Record<
  Language,
  { file: string; command: string[]; program: (code: string) => string }
> = {
  ts: {
    file: "verify.ts",
    command: ["node", "verify.ts"],
    program: (code) => `${code}
const { readFileSync } = await import("node:fs");
const { secret, headers, body } = JSON.parse(readFileSync(0, "utf8"));
console.log(verify(secret, new Headers(headers), body));`,
  },
  python: {
    file: "verify.py",
    command: ["python3", "verify.py"],
    program: (code) => `${code}
import json, sys
case = json.load(sys.stdin)
print("true" if verify(case["secret"], case["headers"], case["body"].encode()) else "false")`,
  },
  go: {
    file: "verify.go",
    command: ["go", "run", "verify.go"],
    program: (code) =>
      `${code.replace("package webhook", "package main").replace("import (", 'import (\n"encoding/json"\n"fmt"\n"os"')}
func main() {
	var given struct { Secret, Body string; Headers map[string]string }
	json.NewDecoder(os.Stdin).Decode(&given)
	header := http.Header{}
	for name, value := range given.Headers { header.Set(name, value) }
	fmt.Println(Verify(given.Secret, header, []byte(given.Body)))
}`,
  },
  ruby: {
    file: "verify.rb",
    command: ["ruby", "verify.rb"],
    program: (code) => `${code}
require "json"
given = JSON.parse($stdin.read)
puts verify(given["secret"], given["headers"], given["body"])`,
  },
  php: {
    file: "verify.php",
    command: ["php", "verify.php"],
    program: (code) => `${code}
$given = json_decode(file_get_contents('php://stdin'), true);
echo verify($given['secret'], $given['headers'], $given['body']) ? "true" : "false";`,
  },
};

/**
 * What is wrong with the page's program in this language, a line each; undefined when the language
 * is not on this machine, or in the folder with another system in it.
 */
export async function tryVerifier(
  language: Language,
  root?: string,
): Promise<string[] | undefined> {
  const page = readFileSync(join(repository, "docs/how-to/verify-a-webhook.md"), "utf8");
  const code = new RegExp(`^\`\`\`${language}\\n([^]*?)^\`\`\`$`, "m").exec(page)?.[1];
  if (code === undefined) return [`The page has no program in ${language}.`];
  const { file, command, program } = ends[language];
  const folder = mkdtempSync(
    join(root === undefined ? tmpdir() : join(root, "var/tmp"), "verify-"),
  );
  const inside = root === undefined ? folder : folder.slice(root.length);
  try {
    writeFileSync(join(folder, file), program(code));
    const problems: string[] = [];
    for (const one of cases()) {
      const input = JSON.stringify({ ...one, headers: Object.fromEntries(one.headers) });
      const script = `cd ${inside} && command -v ${command[0] ?? ""} >/dev/null || exit 127; exec ${command.join(" ")}`;
      const { code: status, output } = await run(
        [...(root === undefined ? [] : ["chroot", root]), "sh", "-c", script],
        root === undefined ? {} : { GOROOT: "/usr/lib/go" },
        input,
      );
      if (status === 127) return undefined;
      if (output.trim() !== String(one.expected)) problems.push(`${one.name}: ${output.trim()}`);
    }
    return problems;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function cases(): Case[] {
  const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
  const other = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
  const body = '{"type":"test","data":{"title":"Überlauf 日本 \\"x\\""}}';
  const now = new Date();
  const old = new Date(now.getTime() - 6 * 60_000);
  const sign = (by: string, at: Date): string => new Webhook(by).sign("msg_1", at, body);
  const headers = (signature: string, at = now, id = "msg_1"): Headers =>
    new Headers({
      "webhook-id": id,
      "webhook-timestamp": String(Math.floor(at.getTime() / 1000)),
      "webhook-signature": signature,
    });
  const good = sign(secret, now);
  const make = (name: string, expected: boolean, more: Partial<Case>): Case => ({
    ...{ name, expected, secret, headers: headers(good), body },
    ...more,
  });
  return [
    make("a good one", true, {}),
    make("one of two signatures", true, { headers: headers(`${sign(other, now)} ${good}`) }),
    make("another secret", false, { secret: other }),
    make("another body", false, { body: `${body} ` }),
    make("another id", false, { headers: headers(good, now, "msg_2") }),
    make("an old one", false, { headers: headers(sign(secret, old), old) }),
    make("no signature", false, { headers: headers("") }),
    make("half a signature", false, { headers: headers(good.slice(0, -6)) }),
    make("no headers", false, { headers: new Headers() }),
  ];
}

async function run(
  [command = "", ...args]: string[],
  more: Record<string, string>,
  input: string,
): Promise<{ code: number; output: string }> {
  const env = { PATH: process.env["PATH"], HOME: "/tmp", ...more };
  const child = spawn(command, args, { stdio: ["pipe", "pipe", "pipe"], env });
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (output += chunk.toString()));
  child.stdin.on("error", () => undefined);
  child.stdin.end(input);
  const code = await new Promise<number | null>((done, fail) => {
    child.once("error", fail);
    child.once("close", done);
  });
  return { code: code ?? 1, output };
}
