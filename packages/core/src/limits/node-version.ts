import { MultifdError } from '../errors.js';

/** First version that has all that core uses. package.json says the same; a test compares them. */
const OLDEST = [22, 0] as const;

/**
 * Checks Node's version, so that an older one says so instead of failing somewhere inside.
 * @throws MultifdError `usage` if Node is too old.
 */
export function checkNode(version: string = process.versions.node): void {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major > OLDEST[0] || (major === OLDEST[0] && minor >= OLDEST[1])) return;
  throw new MultifdError('usage', `Node ${version} is too old`, {
    hint: `use Node ${OLDEST.join('.')} or newer`,
  });
}
