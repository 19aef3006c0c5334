import assert from "node:assert/strict";
import { formatFor, takesGzip } from "./negotiate.ts";

Deno.test("OpenMetrics is for who names it, Prometheus's text for everybody else", () => {
  const openMetrics = [
    // Prometheus 2 and 3
    "application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;" +
      "q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/" +
      "openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;q=0.4,*/*;q=0.2",
    "application/openmetrics-text",
    'Application/OpenMetrics-Text; version="1.0.0"; charset=utf-8',
  ];
  const text = [
    null,
    "",
    "*/*",
    "text/plain;version=0.0.4",
    "application/openmetrics-text;version=0.0.1,text/plain;version=0.0.4;q=0.3",
    "application/openmetrics-text;version=2.0.0",
    "application/openmetrics-text;q=0",
    "application/openmetrics-text;q=0.1,text/plain;q=0.9",
    "application/json",
    ";;;,,=",
  ];
  for (const accept of openMetrics) assert.equal(formatFor(accept), "openmetrics", accept);
  for (const accept of text) assert.equal(formatFor(accept), "text", String(accept));
});

Deno.test("gzip is for who takes it", () => {
  for (const header of ["gzip", "gzip, deflate, br", "br;q=1, GZIP;q=0.5"]) {
    assert.equal(takesGzip(header), true, header);
  }
  for (const header of [null, "", "identity", "br", "gzip;q=0", "x-gzip2"]) {
    assert.equal(takesGzip(header), false, String(header));
  }
});
