// The programs that the how-to gives to receivers do verify, and refuse what they should. Those whose
// language is not on this machine are tried by npm run test:platform.

import assert from "node:assert/strict";
import { test } from "node:test";
import { tryVerifier } from "../dev/verifiers.ts";

for (const language of ["ts", "python", "go", "ruby", "php"] as const) {
  test(`the program in ${language}`, async (t) => {
    const problems = await tryVerifier(language);
    if (problems === undefined) t.skip(`${language} is not on this machine`);
    else assert.deepEqual(problems, []);
  });
}
