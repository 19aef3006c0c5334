// The last messages, newest first, in memory and, if asked, in a JSON file that outlives a restart.

import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { z } from "zod";

export type StoreOptions<T> = {
  schema: z.ZodType<T>;
  keep: number;
  file?: string | undefined;
};

/** Several writes within this time are one. */
const writeDelayMs = 200;

export class Store<T> {
  #options: StoreOptions<T>;
  #entries: T[];
  #listeners = new Set<() => void>();
  #timer: NodeJS.Timeout | undefined;

  constructor(options: StoreOptions<T>) {
    this.#options = options;
    this.#entries = read(options);
  }

  get entries(): readonly T[] {
    return this.#entries;
  }

  add(entry: T): void {
    this.#entries = [entry, ...this.#entries].slice(0, this.#options.keep);
    this.changed();
  }

  clear(): void {
    this.#entries = [];
    this.changed();
  }

  /** To be called after an entry was changed in place. */
  changed(): void {
    for (const listener of this.#listeners) listener();
    if (this.#options.file === undefined || this.#timer) return;
    this.#timer = setTimeout(() => this.flush(), writeDelayMs);
    this.#timer.unref();
  }

  /** Calls back at each change until the returned function is called. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Resolves with the first entry that fits, now or later; rejects when none has come in time. */
  async waitFor(fits: (entry: T) => boolean, timeoutMs: number): Promise<T> {
    return await new Promise<T>((resolve, reject) => {
      const look = () => {
        const found = this.#entries.find(fits);
        if (found === undefined) return;
        finish();
        resolve(found);
      };
      const timer = setTimeout(() => {
        finish();
        reject(new Error(`No such message within ${timeoutMs} ms.`));
      }, timeoutMs);
      const stop = this.onChange(look);
      const finish = () => {
        clearTimeout(timer);
        stop();
      };
      look();
    });
  }

  /** Writes what has not been written yet. */
  flush(): void {
    clearTimeout(this.#timer);
    const due = this.#timer !== undefined;
    this.#timer = undefined;
    const { file } = this.#options;
    if (!due || file === undefined) return;
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(`${file}.new`, JSON.stringify(this.#entries));
    renameSync(`${file}.new`, file);
  }
}

/** What the file holds; a file that is not there, or not readable, is an empty one. */
function read<T>({ schema, file, keep }: StoreOptions<T>): T[] {
  if (file === undefined) return [];
  try {
    return z
      .array(schema)
      .parse(JSON.parse(readFileSync(file, "utf8")))
      .slice(0, keep);
  } catch {
    return [];
  }
}
