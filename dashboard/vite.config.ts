import adapter from "@sveltejs/adapter-static";
import { sveltekit } from "@sveltejs/kit/vite";
import { defineConfig } from "vite";

// Where the dashboard is mounted: "" for the root of a host, "/monitoring" for a path of it.
const base = (process.env["TOCSIN_DASHBOARD_BASE"] ?? "").replace(/\/+$/, "") as "" | `/${string}`;

export default defineConfig({
  plugins: [
    sveltekit({
      // Every address is answered with the same page: it is a program, and nothing is rendered
      // beforehand, since all that it shows belongs to who is signed in.
      adapter: adapter({ fallback: "index.html", precompress: true }),
      paths: { base, relative: false },
      csp: {
        mode: "hash",
        directives: {
          "script-src": ["self"],
          "object-src": ["none"],
          "base-uri": ["none"],
          "form-action": ["self"],
        },
      },
      compilerOptions: { runes: true },
    }),
  ],
  build: { target: "es2023" },
});
