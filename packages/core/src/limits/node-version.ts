import { MultifdError } from '../errors.js';
import { checkEntries } from './entry-file.js';

/** First version that has all that core uses. package.json says the same; a test compares them. */
const OLDEST = [22, 0] as const;

/**
 * Checks that core can run here, so that the error says why not, instead of one somewhere inside.
 * @throws MultifdError `usage` if Node is too old, or core was bundled.
 */
export function checkNode(): void {
  checkVersion(process.versions.node);
  checkEntries();
}

/**
 * Core's entry calls it, so that a program ends where it imports core. A bundler may leave that call out.
 * @throws MultifdError `usage` if this version of Node is too old.
 */
export function checkVersion(version: string): void {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major > OLDEST[0] || (major === OLDEST[0] && minor >= OLDEST[1])) return;
  throw new MultifdError(
    'usage',
    `@multifd/core needs Node ${OLDEST.join('.')} or newer, and this is Node ${version}`,
    { hint: 'see which one runs with `node --version`' },
  );
}
