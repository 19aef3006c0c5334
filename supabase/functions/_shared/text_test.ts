import assert from "node:assert/strict";
import { byteLength, clean, cut, cutBytes, oneLine } from "./text.ts";

Deno.test("what Postgres cannot store and what reorders a line is taken out", () => {
  assert.equal(clean("a\u0000b\u001b[31mc\u007f"), "ab[31mc");
  assert.equal(clean("invoice\u202efdp.exe\u2066\u200f"), "invoicefdp.exe");
  assert.equal(clean("half \ud83d of a pair"), "half \ufffd of a pair");
});

Deno.test("right-to-left letters stay, only the marks go", () => {
  assert.equal(clean("שלום \u200fעולם"), "שלום עולם");
});

Deno.test("every kind of line break is a line feed, and none is left in one line", () => {
  assert.equal(clean("a\r\nb\rc\u2028d\u0085e"), "a\nb\nc\nd\ne");
  assert.equal(oneLine(" a\r\n\tb\u2029 c "), "a b c");
});

Deno.test("text is cut between characters, with a mark", () => {
  assert.equal(cut("abcdef", 6), "abcdef");
  assert.equal(cut("abcdefg", 6), "abcde…");
  assert.equal(cut("😀😀😀😀", 3), "😀😀…");
  assert.equal(cut("😀😀😀", 3), "😀😀😀");
});

Deno.test("bytes are cut between characters", () => {
  assert.equal(cutBytes("aé€😀", 100), "aé€😀");
  assert.equal(cutBytes("aé€😀", 9), "aé€");
  assert.equal(cutBytes("aé€😀", 2), "a");
  assert.equal(byteLength("aé€😀"), 10);
});
