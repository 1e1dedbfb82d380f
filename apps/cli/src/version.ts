import { readFileSync } from 'node:fs';
import { isRecord } from './guards.js';

/** The version in `package.json`, which lies beside `src` and `dist` alike. */
export function version(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  return isRecord(manifest) && typeof manifest.version === 'string' ? manifest.version : 'unknown';
}
