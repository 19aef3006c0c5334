// A diff of two texts by lines, as `diff -U2` writes it, for --dry-run.

const context = 2;

/** The lines that differ, with two lines around them. Empty when none does. */
export function diffLines(before: string, after: string): string {
  const a = before.split("\n");
  const b = after.split("\n");
  let head = 0;
  while (head < a.length && head < b.length && a[head] === b[head]) head++;
  let tail = 0;
  while (
    tail < a.length - head &&
    tail < b.length - head &&
    a[a.length - 1 - tail] === b[b.length - 1 - tail]
  ) {
    tail++;
  }
  const edits = align(a.slice(head, a.length - tail), b.slice(head, b.length - tail));
  const all = [
    ...a.slice(0, head).map((text) => ({ sign: " ", text })),
    ...edits,
    ...a.slice(a.length - tail).map((text) => ({ sign: " ", text })),
  ];
  const near = all.map((_, i) =>
    all.slice(Math.max(0, i - context), i + context + 1).some(({ sign }) => sign !== " "),
  );
  const shown: string[] = [];
  all.forEach(({ sign, text }, i) => {
    if (!near[i]) return;
    if (i > 0 && !near[i - 1] && shown.length > 0) shown.push("…");
    shown.push(`${sign}${text}`);
  });
  return shown.join("\n");
}

type Edit = { sign: " " | "-" | "+"; text: string };

/** The longest common subsequence, line by line; texts too long for it are shown as replaced. */
function align(a: string[], b: string[]): Edit[] {
  if (a.length * b.length > 4_000_000) {
    return [
      ...a.map((text): Edit => ({ sign: "-", text })),
      ...b.map((text): Edit => ({ sign: "+", text })),
    ];
  }
  const width = b.length + 1;
  const length = new Uint32Array((a.length + 1) * width);
  const at = (i: number, j: number): number => length[i * width + j] ?? 0;
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      length[i * width + j] =
        a[i] === b[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
    }
  }
  const edits: Edit[] = [];
  let i = 0;
  let j = 0;
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      edits.push({ sign: " ", text: a[i++] ?? "" });
      j++;
    } else if (i < a.length && (j === b.length || at(i + 1, j) >= at(i, j + 1))) {
      edits.push({ sign: "-", text: a[i++] ?? "" });
    } else {
      edits.push({ sign: "+", text: b[j++] ?? "" });
    }
  }
  return edits;
}
