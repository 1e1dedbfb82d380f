import { MultifdError } from '@multifd/core';
import { isRecord } from '../guards.js';
import { isMachineType, isUuid } from '../options/identity.js';
import { imageFileName } from './file-name.js';

/** The file that makes the images of a directory one guest. Its name is no image's, which ends in `.raw`. */
export const MANIFEST = 'multifd.json';
const FORMAT = 'multifd-raw';
const VERSION = 1;

/** An image of the guest. */
export interface ManifestBlock {
  /** The RAM block. */
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  /** The image in the same directory: always the block's `imageFileName`. */
  readonly file: string;
}

/** Where a file is while names are given: under its own name, or still or already under a hidden one. */
export interface Move {
  readonly file: string;
  /** The new image's hidden name before it has `file`; null: nothing takes the place of the old one. */
  readonly partial: string | null;
  /** The old image's hidden name once it is moved aside, if there was one. */
  readonly replaced: string;
}

/** What `multifd.json` says. */
export interface Manifest {
  /** `naming`: the images are just being given their names, or whoever did it was killed. Parts of two guests may be there. */
  readonly state: 'complete' | 'naming';
  readonly machineType: string;
  /** As `--uuid` has it; null if it was not given. */
  readonly uuid: string | null;
  /** Bytes. */
  readonly pageSize: number;
  /** Whether the guest had state besides its RAM, which is not here. */
  readonly deviceState: 'none' | 'dropped';
  /** When the set was completed: ISO 8601, UTC. */
  readonly time: string;
  readonly blocks: readonly ManifestBlock[];
  /** Of `naming`. */
  readonly moves: readonly Move[];
}

/** Names of image files that belong to the guest, or to the one that it was replacing. */
export function filesOf({ blocks, moves }: Manifest): ReadonlySet<string> {
  return new Set([...blocks.map(({ file }) => file), ...moves.map(({ file }) => file)]);
}

export function formatManifest(manifest: Manifest): string {
  const { state, machineType, uuid, pageSize, deviceState, time, blocks, moves } = manifest;
  const document = {
    format: FORMAT,
    'format-version': VERSION,
    state,
    'machine-type': machineType,
    uuid,
    'page-size': pageSize,
    'device-state': deviceState,
    time,
    blocks,
    ...(state === 'naming' ? { moves } : {}),
  };
  return `${JSON.stringify(document, null, 2)}\n`;
}

/** @param path for messages. @throws MultifdError `usage` for what `formatManifest` does not write. */
export function parseManifest(text: string, path: string): Manifest {
  const value = jsonOf(text);
  if (!isRecord(value) || value.format !== FORMAT) throw notOurs(path, 'multifd did not write it');
  const { 'format-version': version, state, 'machine-type': machineType, uuid, time } = value;
  const { 'page-size': pageSize, 'device-state': deviceState, blocks, moves = [] } = value;
  if (version !== VERSION)
    throw notOurs(path, `its format-version is not ${VERSION}: another multifd wrote it`);
  const isWhole =
    (state === 'complete' || state === 'naming') &&
    typeof machineType === 'string' &&
    isMachineType(machineType) &&
    (uuid === null || (typeof uuid === 'string' && isUuid(uuid))) &&
    isSize(pageSize) &&
    (deviceState === 'none' || deviceState === 'dropped') &&
    typeof time === 'string' &&
    Array.isArray(blocks) &&
    blocks.every(isBlock) &&
    Array.isArray(moves) &&
    moves.every(isMove);
  if (!isWhole) throw notOurs(path, 'it is not as multifd writes it');
  return { state, machineType, uuid, pageSize, deviceState, time, blocks, moves };
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** A name that is not its block's could lead out of the directory. */
function isBlock(value: unknown): value is ManifestBlock {
  if (!isRecord(value) || typeof value.name !== 'string' || !isSize(value.size)) return false;
  try {
    return value.file === imageFileName(value.name);
  } catch {
    return false;
  }
}

function isMove(value: unknown): value is Move {
  return (
    isRecord(value) &&
    isPlainName(value.file) &&
    isPlainName(value.replaced) &&
    (value.partial === null || isPlainName(value.partial))
  );
}

function isPlainName(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && !value.includes('/');
}

function isSize(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0;
}

function notOurs(path: string, why: string): MultifdError {
  return new MultifdError('usage', `${path} does not describe a guest's images: ${why}`, {
    hint: 'name another directory, or move that file away if the images beside it are one guest all the same',
  });
}
