import { MultifdError } from '@multifd/core/ram';

/**
 * Checks that Node has zstd in its zlib, as `engines` of package.json says; a test compares them.
 * @throws MultifdError `usage` if not.
 */
export function checkVersion(version: string): void {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if ((major === 22 && minor >= 15) || major >= 24) return;
  throw new MultifdError(
    'usage',
    `@multifd/store needs Node 24 or newer, or 22 from 22.15 on, and this is Node ${version}`,
    { hint: 'see which one runs with `node --version`' },
  );
}
