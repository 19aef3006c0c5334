// Lints the Node.js code and the dashboard. The functions are linted by Deno: `deno lint`.

import js from "@eslint/js";
import svelte from "eslint-plugin-svelte";
import globals from "globals";
import ts from "typescript-eslint";

export default ts.config(
  {
    ignores: [
      "**/node_modules/",
      "**/build/",
      "**/dist/",
      "**/.svelte-kit/",
      ".local/",
      "supabase/functions/",
      "supabase/.temp/",
      "cli/pack/",
    ],
  },
  js.configs.recommended,
  {
    files: ["**/*.ts"],
    extends: [...ts.configs.strictTypeChecked],
    languageOptions: { parserOptions: { projectService: true } },
    rules: {
      // Numbers read well in a template.
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
      "@typescript-eslint/no-confusing-void-expression": ["error", { ignoreArrowShorthand: true }],
      // It cannot see that a callback changes a variable.
      "@typescript-eslint/no-unnecessary-condition": "off",
      "@typescript-eslint/consistent-type-imports": "error",
    },
  },
  {
    files: ["**/*.test.ts", "dev/test/*.ts", "dev/platform/*.ts"],
    // node:test's test() returns a promise that nobody needs to await.
    rules: { "@typescript-eslint/no-floating-promises": "off" },
  },
  ...svelte.configs.recommended,
  {
    files: ["**/*.svelte", "**/*.svelte.ts"],
    languageOptions: { parserOptions: { parser: ts.parser } },
    rules: {
      // lib/url.svelte.ts resolves them, and takes the range and the project along.
      "svelte/no-navigation-without-resolve": "off",
      // svelte-check finds these, and knows the names in types.
      "no-unused-vars": "off",
    },
  },
  {
    languageOptions: { globals: { ...globals.node } },
    rules: { "no-console": "off", eqeqeq: ["error", "smart"] },
  },
  {
    files: ["dashboard/**", "dev/inbox/pages/**"],
    languageOptions: { globals: { ...globals.browser } },
  },
);
