/** Work that goes on after an answer: the Edge Runtime would stop the function otherwise. */
export type KeepAlive = (work: Promise<unknown>) => void;

export const keepAlive: KeepAlive = (work) => edgeRuntime()?.waitUntil(work);

/** The Edge Runtime's own global; plain Deno has none, and needs none. */
function edgeRuntime(): { waitUntil(work: Promise<unknown>): void } | undefined {
  return (globalThis as { EdgeRuntime?: { waitUntil(work: Promise<unknown>): void } }).EdgeRuntime;
}
