// Waiting that ends.

/** Resolves when the promise is settled, whichever way, or after so long. */
export async function settledWithin(ms: number, promise: Promise<unknown>): Promise<void> {
  const { promise: late, resolve } = Promise.withResolvers<unknown>();
  const timer = setTimeout(resolve, ms);
  await Promise.race([promise, late]).catch(() => undefined);
  clearTimeout(timer);
}
