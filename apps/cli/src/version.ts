import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { isRecord } from './guards.js';

/**
 * The version in `package.json`, which lies beside `src` and `dist` alike. In a clone the commit follows, since many have
 * that version: `1.2.0+git.f05d6a1`, and `.changed` if files differ from it.
 */
export function version(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  const released = isRecord(manifest) && typeof manifest.version === 'string' ? manifest.version : 'unknown';
  const commit = commitOf(new URL('../../../', import.meta.url));
  return commit === undefined ? released : `${released}+git.${commit}`;
}

/** @param root where a clone has its `.git`; an installed package has its neighbours there. */
function commitOf(root: URL): string | undefined {
  if (!existsSync(new URL('.git', root))) return undefined;
  const words = ['describe', '--always', '--exclude=*', '--abbrev=7', '--dirty=.changed'];
  const { status, stdout } = spawnSync('git', words, { cwd: fileURLToPath(root), encoding: 'utf8' });
  // Without git nobody can tell; it is null then.
  return status === 0 ? stdout.trim() : undefined;
}
