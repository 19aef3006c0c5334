import assert from "node:assert/strict";
import { version } from "./version.ts";

Deno.test("the version is the one in package.json", () => {
  const root = new URL("../../../package.json", import.meta.url);
  assert.equal(version, JSON.parse(Deno.readTextFileSync(root)).version);
});
