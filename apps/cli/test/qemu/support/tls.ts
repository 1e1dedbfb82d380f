import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** `-object` for one end of QEMU. */
export const x509 = (endpoint: string, dir: string, verify = 'on'): string[] => [
  '-object',
  `tls-creds-x509,id=tls,endpoint=${endpoint},dir=${dir},verify-peer=${verify}`,
];
export const psk = (endpoint: string, dir: string): string[] => [
  '-object',
  `tls-creds-psk,id=tls,endpoint=${endpoint},dir=${dir}`,
];

/** A folder with one shared key, of 32 times `byte`. */
export function pskFolder(parent: string, name: string, byte: string): string {
  const dir = join(parent, name);
  mkdirSync(dir, { mode: 0o700 });
  writeFileSync(join(dir, 'keys.psk'), `qemu:${byte.repeat(32)}\n`, { mode: 0o600 });
  return dir;
}
