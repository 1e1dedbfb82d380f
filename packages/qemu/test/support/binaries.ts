import { execFileSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';

export type QemuRelease = '7.2' | '10.0' | '11.1';
/** What is emulated; QEMU has a binary for each. */
export type QemuTarget = 'x86_64' | 'aarch64' | 's390x';

export const RELEASES: readonly QemuRelease[] = ['7.2', '10.0', '11.1'];

const UNPACKED = process.env.MULTIFD_QEMU_DIR ?? '/opt/multifd-qemu';

/** Environment variable and default folders of each release; `.ci/install-qemu` puts them there. */
const PLACES: Record<QemuRelease, { readonly variable: string; readonly folders: readonly string[] }> = {
  '7.2': { variable: 'MULTIFD_QEMU_72', folders: [`${UNPACKED}/7.2`] },
  '10.0': { variable: 'MULTIFD_QEMU_10', folders: ['/usr/bin', '/usr/local/bin'] },
  '11.1': { variable: 'MULTIFD_QEMU_111', folders: [`${UNPACKED}/11.1`] },
};

/** Path of that release's binary for `target`; undefined if it is not on this machine. */
export function findQemu(release: QemuRelease, target: QemuTarget = 'x86_64'): string | undefined {
  const { variable, folders } = PLACES[release];
  // The variable names the binary for x86_64.
  const given = target === 'x86_64' ? process.env[variable] : undefined;
  const usual = folders.map((folder) => `${folder}/qemu-system-${target}`);
  const path = [...(given === undefined || given === '' ? [] : [given]), ...usual].find(isExecutable);
  return path !== undefined && versionOf(path).startsWith(`${release}.`) ? path : undefined;
}

/** Which releases are here. */
export function installedQemus(): readonly QemuRelease[] {
  return RELEASES.filter((release) => findQemu(release) !== undefined);
}

/** A line for whoever runs the tests: what is not here, and so is skipped. Undefined if all of it is here. */
export function whatIsMissing(): string | undefined {
  const here = installedQemus();
  const others = (['aarch64', 's390x'] as const).filter((target) => findQemu('10.0', target) !== undefined);
  if (here.length + others.length === RELEASES.length + 2) return undefined;
  const found = [...here, ...others].join(', ') || 'none';
  return `found ${found} of ${RELEASES.join(', ')}, aarch64, s390x; the rest is skipped (.ci/install-qemu)`;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function versionOf(path: string): string {
  try {
    const line = execFileSync(path, ['--version'], { encoding: 'utf8', timeout: 20_000 });
    return /version (\S+)/.exec(line)?.[1] ?? '';
  } catch {
    return '';
  }
}
