import assert from "node:assert/strict";
import { z } from "zod";
import { readCursor as read, writeCursor } from "./cursor.ts";

const place = z.strictObject({
  value: z.number().nullable(),
  workflow_id: z.string(),
  project_id: z.string(),
  source_id: z.string(),
});
const readCursor = (text: string) => read(text, place);
const cursor = {
  version: 1 as const,
  asked: { sort: "run_count", project_id: "" },
  from: "2026-11-20T09:03:00.000Z",
  to: "2026-11-21T09:03:00.000Z",
  after: { value: 4.25, workflow_id: 'Übersicht/"x"\n 🙂', project_id: "", source_id: "runs" },
};
const pack = (value: unknown) => btoa(JSON.stringify(value)).replace(/=+$/, "");

Deno.test("a cursor is read as it was written, whatever the names are", () => {
  assert.match(writeCursor(cursor), /^[\w-]+$/);
  assert.deepEqual(readCursor(writeCursor(cursor)), cursor);
});

Deno.test("nonsense is no cursor", () => {
  const ascii = { ...cursor, after: { ...cursor.after, workflow_id: "w" } };
  assert.ok(readCursor(pack(ascii)), "the others differ from one that is read");
  const nonsense = [
    "",
    "abc",
    "%%%",
    "-".repeat(10_000),
    pack(null),
    pack([]),
    pack({ ...ascii, version: 2 }),
    pack({ ...ascii, from: "yesterday" }),
    pack({ ...ascii, more: 1 }),
    pack({ ...ascii, after: { ...ascii.after, value: "4" } }),
    pack({ ...ascii, after: { ...ascii.after, workflow_id: "\0" } }),
    pack({ ...ascii, asked: { sort: 1 } }),
    `${writeCursor(cursor)}x`,
    writeCursor(cursor).slice(0, -3),
    btoa("\xff\xfe{}"),
  ];
  for (const text of nonsense) assert.equal(readCursor(text), undefined, text.slice(0, 80));
});
