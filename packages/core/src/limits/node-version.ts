import { MultifdError } from '../errors.js';

/** First version that can post a socket to another thread. apps/cli/src/cli.ts holds a copy; a test compares them. */
const OLDEST = [26, 6] as const;

/**
 * Checks Node's version. A destination posts each connection to a thread: on an older Node it would wait for ever.
 * @throws MultifdError `usage` if Node is too old.
 */
export function checkNode(version: string = process.versions.node): void {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major > OLDEST[0] || (major === OLDEST[0] && minor >= OLDEST[1])) return;
  throw new MultifdError('usage', `Node ${version} cannot hand a socket to another thread`, {
    hint: `use Node ${OLDEST.join('.')} or newer`,
  });
}
