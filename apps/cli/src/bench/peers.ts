import { execFileSync } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { MultifdError } from '@multifd/core';
import { quote } from '../options/sizes.js';

/** What is looked for when no peer is named. */
export const USUAL_PEER = 'qemu-system-x86_64';
/** ms. */
const PATIENCE = 20_000;

/** A QEMU that is measured beside us. */
export interface Peer {
  readonly binary: string;
  /** `10.0.2`. */
  readonly version: string;
  /** Tells it from others of the same version: 1 is the first one. */
  readonly number: number;
}

/** `QEMU 10.0.2`. Where its binary lies is its machine's own affair. */
export function wordsOf({ version, number }: Peer): string {
  return number === 1 ? `QEMU ${version}` : `QEMU ${version} (${number})`;
}

/**
 * @param named binaries; undefined: the usual one, if it is on PATH.
 * @throws MultifdError `usage` for a named one that is not there, or is no QEMU that we can drive.
 */
export function findPeers(named: readonly string[] | undefined): Peer[] {
  const usual = named === undefined ? findProgram(USUAL_PEER) : undefined;
  const binaries = named ?? (usual === undefined ? [] : [usual]);
  const peers: Peer[] = [];
  for (const binary of binaries) {
    const path = findProgram(binary);
    if (path === undefined) {
      throw new MultifdError('usage', `--peer: there is no program ${quote(binary)}`, {
        hint: `give the path of a ${USUAL_PEER}, or none`,
      });
    }
    const version = versionOf(path);
    if (version === undefined) {
      throw new MultifdError('usage', `--peer: ${quote(binary)} is no QEMU: its --version names none`, {
        hint: `give the path of a ${USUAL_PEER}, or none`,
      });
    }
    const number = 1 + peers.filter((peer) => peer.version === version).length;
    peers.push({ binary: path, version, number });
  }
  return peers;
}

/** A path, or a name that is looked for on PATH. */
function findProgram(name: string): string | undefined {
  if (name.includes('/')) return isProgram(name) ? name : undefined;
  const folders = (process.env.PATH ?? '').split(delimiter).filter((folder) => folder !== '');
  return folders.map((folder) => join(folder, name)).find(isProgram);
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

function versionOf(binary: string): string | undefined {
  try {
    const text = execFileSync(binary, ['--version'], {
      encoding: 'utf8',
      timeout: PATIENCE,
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    return /QEMU emulator version (\d+\.\d+\.\d+)/.exec(text)?.[1];
  } catch {
    return undefined;
  }
}
