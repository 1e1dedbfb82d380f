import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const collect: unknown = runInNewContext('gc');

/** Collects garbage, and lets finalizers run, until `done`. @throws Error if it never is. */
export async function collectUntil(done: () => boolean): Promise<void> {
  for (let turn = 0; turn < 100; turn++) {
    if (typeof collect === 'function') collect();
    await new Promise((resolve) => setTimeout(resolve, 5));
    if (done()) return;
  }
  throw new Error('what should have been collected was not');
}
