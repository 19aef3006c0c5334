// Builds what the package ships: dist/, the CLI as JavaScript, since Node.js strips no types in
// node_modules; and pack/, what it installs: the migrations and the functions as they are in the
// repository, without their tests.

import { spawnSync } from "node:child_process";
import { cpSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const product = join(here, "../supabase");
const pack = join(here, "pack");

rmSync(join(here, "dist"), { recursive: true, force: true });
const tsc = createRequire(import.meta.url).resolve("typescript/bin/tsc");
const built = spawnSync(process.execPath, [tsc, "-p", "tsconfig.build.json"], {
  cwd: here,
  stdio: "inherit",
});
if (built.status !== 0) process.exit(built.status ?? 1);

rmSync(pack, { recursive: true, force: true });
cpSync(join(product, "migrations"), join(pack, "migrations"), { recursive: true });
for (const name of ["tocsin-notify", "tocsin-api", "_shared"]) {
  // A project may have a _shared of its own, with files of the same names.
  const target = join(pack, "functions", name === "_shared" ? "_tocsin_shared" : name);
  cpSync(join(product, "functions", name), target, {
    recursive: true,
    filter: (path) => !/(_test\.ts|[\\/]testing)$/.test(path),
  });
  for (const file of filesIn(target).filter((path) => path.endsWith(".ts"))) {
    const text = readFileSync(file, "utf8");
    writeFileSync(file, text.replace(/(["'](?:\.\.\/)+)_shared\//g, "$1_tocsin_shared/"));
  }
}
cpSync(join(here, "sql/uninstall.sql"), join(pack, "uninstall.sql"));

function filesIn(folder) {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    return statSync(path).isDirectory() ? filesIn(path) : [path];
  });
}
