import assert from "node:assert/strict";
import { type Family, formatMetrics } from "./format.ts";
import type { Format } from "./negotiate.ts";

const text = (families: Family[], format: Format) => [...formatMetrics(families, format)].join("");

const families: Family[] = [
  { type: "info", name: "a_build", help: "Which it is.", labels: [["version", "1.2.3"]] },
  {
    type: "gauge",
    name: "a_wait_seconds",
    unit: "seconds",
    help: 'A "wait", with a \\ in it.',
    points: [
      { labels: [], value: 0.25 },
      { labels: [["queue", "x"]], value: 12 },
    ],
  },
  {
    type: "gaugehistogram",
    name: "a_run_seconds",
    unit: "seconds",
    help: "Runs.",
    bounds: [0.5, 60],
    points: [
      { labels: [["id", "a"]], counts: [1, 0, 2], sum: 130.5 },
      { labels: [], counts: [0, 0, 0], sum: 0 },
    ],
  },
];

Deno.test("OpenMetrics 1.0: types, units, escaped help, cumulative buckets, and its end", () => {
  assert.equal(
    text(families, "openmetrics"),
    `# TYPE a_build info
# HELP a_build Which it is.
a_build_info{version="1.2.3"} 1
# TYPE a_wait_seconds gauge
# UNIT a_wait_seconds seconds
# HELP a_wait_seconds A \\"wait\\", with a \\\\ in it.
a_wait_seconds 0.25
a_wait_seconds{queue="x"} 12
# TYPE a_run_seconds gaugehistogram
# UNIT a_run_seconds seconds
# HELP a_run_seconds Runs.
a_run_seconds_bucket{id="a",le="0.5"} 1
a_run_seconds_bucket{id="a",le="60.0"} 1
a_run_seconds_bucket{id="a",le="+Inf"} 3
a_run_seconds_gcount{id="a"} 3
a_run_seconds_gsum{id="a"} 130.5
a_run_seconds_bucket{le="0.5"} 0
a_run_seconds_bucket{le="60.0"} 0
a_run_seconds_bucket{le="+Inf"} 0
a_run_seconds_gcount 0
a_run_seconds_gsum 0
# EOF
`,
  );
});

Deno.test("0.0.4: the same series, each name in one piece, with types that it knows", () => {
  assert.equal(
    text(families, "text"),
    `# HELP a_build_info Which it is.
# TYPE a_build_info gauge
a_build_info{version="1.2.3"} 1
# HELP a_wait_seconds A "wait", with a \\\\ in it.
# TYPE a_wait_seconds gauge
a_wait_seconds 0.25
a_wait_seconds{queue="x"} 12
# HELP a_run_seconds_bucket Runs. Those up to le.
# TYPE a_run_seconds_bucket untyped
a_run_seconds_bucket{id="a",le="0.5"} 1
a_run_seconds_bucket{id="a",le="60.0"} 1
a_run_seconds_bucket{id="a",le="+Inf"} 3
a_run_seconds_bucket{le="0.5"} 0
a_run_seconds_bucket{le="60.0"} 0
a_run_seconds_bucket{le="+Inf"} 0
# HELP a_run_seconds_gcount Runs. How many.
# TYPE a_run_seconds_gcount untyped
a_run_seconds_gcount{id="a"} 3
a_run_seconds_gcount 0
# HELP a_run_seconds_gsum Runs. Their sum.
# TYPE a_run_seconds_gsum untyped
a_run_seconds_gsum{id="a"} 130.5
a_run_seconds_gsum 0
`,
  );
});

Deno.test("hostile names stay inside their quotes", () => {
  const value = 'a"} 1\n# EOF\nb{c="\\d\\\n';
  const [series] =
    text(
      [{ type: "gauge", name: "g", help: "H.", points: [{ labels: [["l", value]], value: 1 }] }],
      "openmetrics",
    ).match(/^g.*$/gm) ?? [];
  assert.equal(series, 'g{l="a\\"} 1\\n# EOF\\nb{c=\\"\\\\d\\\\\\n"} 1');
});

Deno.test("numbers that are none are spelled as both formats have it", () => {
  const points = [NaN, Infinity, -Infinity, 1e21].map((value) => ({ labels: [], value }));
  const lines = text([{ type: "gauge", name: "g", help: "H.", points }], "text").match(/^g.*$/gm);
  assert.deepEqual(lines, ["g NaN", "g +Inf", "g -Inf", "g 1e+21"]);
});

Deno.test("many series come in chunks, and none is lost between them", () => {
  const points = Array.from({ length: 20_000 }, (_, index) => ({
    labels: [["id", `workflow-${index}`]] as const,
    value: index,
  }));
  const chunks = [...formatMetrics([{ type: "gauge", name: "g", help: "H.", points }], "text")];
  assert.ok(chunks.length > 5 && chunks.every((chunk) => chunk.length < 70_000));
  assert.equal(chunks.join("").match(/^g\{/gm)?.length, 20_000);
});
