import { MultifdError } from '../errors.js';

/** Since this version a socket can be handed to another thread. */
const OLDEST = [26, 6] as const;

/**
 * A destination hands each connection to a thread: on an older Node it would wait for ever.
 * @throws MultifdError `usage`.
 */
export function checkNode(version: string = process.versions.node): void {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major > OLDEST[0] || (major === OLDEST[0] && minor >= OLDEST[1])) return;
  throw new MultifdError('usage', `Node ${version} cannot hand a socket to another thread`, {
    hint: `use Node ${OLDEST.join('.')} or newer`,
  });
}
