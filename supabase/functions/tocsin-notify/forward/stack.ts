/**
 * Stack traces as text, in the forms that Node, Deno, browsers, Java, Python and Go write them. The
 * frames come out oldest first, as Sentry and Rollbar want them; a line that is no frame is left out.
 */
export interface Frame {
  function?: string;
  /** Without `file://`. */
  filename: string;
  lineno?: number;
  colno?: number;
  /** False: of a library or of the runtime. */
  inApp: boolean;
}

/** An exception of a chain: what was thrown, or what caused it. */
export interface Thrown {
  /** Only causes are named in the text; the outermost is the error itself. */
  type?: string;
  message?: string;
  frames: Frame[];
}

export type Language = "javascript" | "python" | "go" | "java" | "other";

export interface Trace {
  language: Language;
  /** Outermost first, each caused by the next. */
  chain: Thrown[];
}

const mostFrames = 100;
const mostCauses = 5;
const mostLines = 2_000;

export function parseStack(stack: string): Trace {
  const lines = stack.split(/\r?\n/).slice(0, mostLines);
  const parts: { header?: string; lines: string[] }[] = [{ lines: [] }];
  for (const line of lines) {
    const cause = /^\s*(?:\[cause\]:|Caused by:)\s*(.*)$/.exec(line);
    if (cause !== null && parts.length <= mostCauses) {
      parts.push({ header: cause[1] ?? "", lines: [] });
    } else parts.at(-1)?.lines.push(line);
  }
  const read = parts.map((part) => ({ ...part, ...readFrames(part.lines) }));
  const language = read.find((part) => part.frames.length > 0)?.language ?? "other";
  return {
    language,
    chain: read.map(({ header, frames }) => ({
      ...(header === undefined ? {} : readHeader(header)),
      frames,
    })),
  };
}

/** `TypeError: x is not a function` */
function readHeader(header: string): { type?: string; message?: string } {
  const match = /^([A-Za-z_$][\w.$]*)(?:: (.*?))?(?:\s*\{)?$/.exec(header.trim());
  if (match?.[1] === undefined) return { message: header.trim() };
  return { type: match[1], ...(match[2] === undefined ? {} : { message: match[2] }) };
}

function readFrames(lines: readonly string[]): { frames: Frame[]; language: Language } {
  for (const [language, read] of readers) {
    const frames = read(lines);
    if (frames.length === 0) continue;
    // Python says the oldest first already. What is cut is the oldest: the innermost tells more.
    if (language !== "python") frames.reverse();
    return { frames: frames.slice(-mostFrames), language };
  }
  return { frames: [], language: "other" };
}

type Reader = (lines: readonly string[]) => Frame[];

const readV8: Reader = (lines) =>
  lines.flatMap((line) => {
    const match =
      /^\s*at (?:async )?(?:(?:new )?(.+?) \()?([^()]+?)(?::(\d+))?(?::(\d+))?\)?\s*$/.exec(line);
    const [, called, file, lineno, colno] = match ?? [];
    // A sentence that begins with "at" is no frame: one names a line, or where it has none.
    if (file === undefined || (lineno === undefined && !/^(native|<anonymous>)$/.test(file))) {
      return [];
    }
    return [frame(called, file, lineno, colno)];
  });

const readFirefox: Reader = (lines) =>
  lines.flatMap((line) => {
    const match = /^\s*([^@\s]*)@(\S+?):(\d+)(?::(\d+))?\s*$/.exec(line);
    return match?.[2] === undefined ? [] : [frame(match[1], match[2], match[3], match[4])];
  });

const readPython: Reader = (lines) =>
  lines.flatMap((line) => {
    const match = /^\s*File "([^"]+)", line (\d+)(?:, in (\S.*))?$/.exec(line);
    return match?.[1] === undefined ? [] : [frame(match[3], match[1], match[2])];
  });

const readGo: Reader = (lines) =>
  lines.flatMap((line, index) => {
    const match = /^\s+(\S+\.go):(\d+)/.exec(line);
    if (match?.[1] === undefined) return [];
    const called = /^(?:created by )?(.+)\(/.exec((lines[index - 1] ?? "").slice(0, 1_000));
    return [frame(called?.[1], match[1], match[2])];
  });

const readJava: Reader = (lines) =>
  lines.flatMap((line) => {
    const match = /^\s*at ([\w.$<>/]+)\(([\w$]+\.(?:java|kt|scala))(?::(\d+))?\)\s*$/.exec(line);
    return match?.[2] === undefined ? [] : [frame(match[1], match[2], match[3])];
  });

const readers: readonly (readonly [Language, Reader])[] = [
  ["java", readJava],
  ["javascript", readV8],
  ["python", readPython],
  ["go", readGo],
  ["javascript", readFirefox],
];

const foreign =
  /(^|\/)node_modules\/|^node:|^internal\/|^ext:|^npm:|^jsr:|deno\.land\/std|jsr\.io|esm\.sh|(site|dist)-packages\/|\/lib\/python|\/go\/pkg\/mod\/|\/usr\/local\/go\/|^<|^native$/;
const foreignFunction = /^(java|javax|jdk|sun|kotlin)\./;

function frame(called: string | undefined, file: string, lineno?: string, colno?: string): Frame {
  const filename = file.trim().replace(/^file:\/\//, "");
  const name = called?.trim();
  return {
    ...(name === undefined || name === "" ? {} : { function: name }),
    filename,
    ...numbered("lineno", lineno),
    ...numbered("colno", colno),
    inApp: !foreign.test(filename) && !foreignFunction.test(name ?? ""),
  };
}

function numbered<Key extends string>(key: Key, digits: string | undefined) {
  const value = Number(digits ?? NaN);
  return (Number.isSafeInteger(value) ? { [key]: value } : {}) as { [K in Key]?: number };
}
