import assert from "node:assert/strict";
import { z } from "zod";
import { ApiError } from "./errors.ts";
import { parseQuery } from "./query.ts";

const schema = z.object({
  color: z.enum(["red", "blue"], { error: "red or blue." }).default("red"),
  size: z.string().regex(/^\d+$/, { error: "A number." }).optional(),
});
const read = (query: string) => parseQuery(new URL(`http://a.example/?${query}`), schema);

function issues(query: string) {
  try {
    read(query);
  } catch (error) {
    assert.ok(error instanceof ApiError);
    assert.equal(error.status, 400);
    return error.told.issues;
  }
  return assert.fail("it was taken");
}

Deno.test("what is allowed is read, with defaults", () => {
  assert.deepEqual(read(""), { color: "red" });
  assert.deepEqual(read("size=12&color=blue"), { color: "blue", size: "12" });
});

Deno.test("every parameter that is wrong, unknown or given twice is named at once", () => {
  assert.deepEqual(issues("color=green&size=big&flavor=salt&flavor=sugar"), [
    { path: "flavor", message: "There is no such parameter, only: color, size." },
    { path: "color", message: "red or blue." },
    { path: "size", message: "A number." },
  ]);
  assert.deepEqual(issues("color=red&color=red"), [{ path: "color", message: "Give it once." }]);
});

Deno.test("names that every object has are not known either", () => {
  for (const name of ["__proto__", "constructor", "toString"]) {
    assert.equal(issues(`${name}=1`)?.[0]?.path, name);
  }
});
