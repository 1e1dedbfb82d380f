import { execFileSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';

export type QemuRelease = '7.2' | '10.0';

/** Environment variable and default places of each release; `.ci/install-qemu` puts them there. */
const PLACES: Record<QemuRelease, { readonly variable: string; readonly paths: readonly string[] }> = {
  '7.2': {
    variable: 'MULTIFD_QEMU_72',
    paths: [`${process.env.MULTIFD_QEMU_DIR ?? '/opt/multifd-qemu'}/7.2/qemu-system-x86_64`],
  },
  '10.0': {
    variable: 'MULTIFD_QEMU_10',
    paths: ['/usr/bin/qemu-system-x86_64', '/usr/local/bin/qemu-system-x86_64'],
  },
};

/** Path of that release's qemu-system-x86_64; undefined if it is not on this machine. */
export function findQemu(release: QemuRelease): string | undefined {
  const { variable, paths } = PLACES[release];
  const given = process.env[variable];
  const path = [...(given === undefined || given === '' ? [] : [given]), ...paths].find(isExecutable);
  return path !== undefined && versionOf(path).startsWith(`${release}.`) ? path : undefined;
}

/** Which releases are here. */
export function installedQemus(): readonly QemuRelease[] {
  const releases: readonly QemuRelease[] = ['7.2', '10.0'];
  return releases.filter((release) => findQemu(release) !== undefined);
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
