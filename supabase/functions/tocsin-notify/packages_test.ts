import assert from "node:assert/strict";

function read(path: string) {
  return JSON.parse(Deno.readTextFileSync(new URL(path, import.meta.url)));
}

Deno.test("the lock file is of the version that every Edge Runtime in use can read", () => {
  // Deno writes version 5, which images from before March 2026 refuse, so that nothing starts.
  // What is in this file is the same in both: after an update, set "version" back to "4".
  assert.equal(read("./deno.lock").version, "4");
});

Deno.test("every import is pinned to a version, and locked at it", () => {
  const { imports } = read("./deno.json");
  const { specifiers } = read("./deno.lock");
  for (const [name, specifier] of Object.entries(imports)) {
    assert.match(String(specifier), new RegExp(`^npm:${name}@\\d+\\.\\d+\\.\\d+$`));
    assert.equal(specifiers[String(specifier)], String(specifier).split("@").at(-1));
  }
});

Deno.test("packages that the repository uses too are of the same version here", () => {
  const { imports } = read("./deno.json");
  const { devDependencies } = read("../../../package.json");
  for (const name of ["standardwebhooks", "zod"]) {
    assert.equal(imports[name], `npm:${name}@${devDependencies[name]}`);
  }
});
