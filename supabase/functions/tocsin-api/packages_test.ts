import assert from "node:assert/strict";

function read(path: string) {
  return JSON.parse(Deno.readTextFileSync(new URL(path, import.meta.url)));
}

Deno.test("the lock file is of the version that every Edge Runtime in use can read", () => {
  // See the same test of tocsin-notify: after an update, set "version" back to "4".
  assert.equal(read("./deno.lock").version, "4");
});

Deno.test("every import is pinned, locked, and of the repository's own version", () => {
  const { imports } = read("./deno.json");
  const { specifiers } = read("./deno.lock");
  const { devDependencies } = read("../../../package.json");
  for (const [name, specifier] of Object.entries(imports)) {
    assert.equal(specifier, `npm:${name}@${devDependencies[name]}`);
    assert.equal(specifiers[String(specifier)], devDependencies[name]);
  }
});
