/** Asks every 20 ms until it is true. @param timeout ms, 20 s by default. */
export async function until(
  what: string,
  isTrue: () => boolean | Promise<boolean>,
  timeout = 20_000,
): Promise<void> {
  const deadline = performance.now() + timeout;
  while (!(await isTrue())) {
    if (performance.now() > deadline) throw new Error(`not within ${timeout} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
