import { createHash } from 'node:crypto';
import { rmSync } from 'node:fs';
import { type FileBlockDescriptor, openRamBlockSync } from '@multifd/core';
import { inspectFile, openMappedRam } from '@multifd/qemu';
import { expect } from 'vitest';
import type { RamFile } from '../../../../../packages/qemu/test/support/qemu.js';
import { firstDifference } from '../../../../../packages/qemu/test/support/ram-files.js';
import { writeSparse } from '../../helpers/images.js';

interface Piece {
  readonly at: number;
  readonly bytes: Uint8Array;
}

function blocksOf(file: string): readonly FileBlockDescriptor[] {
  return openMappedRam(file).ram.blocks;
}

/** What the stored file has of this block, as `multifd migrate file:` reads it: all else is zero. */
function piecesOf(block: FileBlockDescriptor): Piece[] {
  const opened = openRamBlockSync(block);
  const { extents = new Float64Array(0) } = block;
  const pieces: Piece[] = [];
  try {
    for (let index = 0; index < extents.length; index += 2) {
      const [at = 0, end = 0] = extents.subarray(index, index + 2);
      pieces.push({ at, bytes: opened.read(at, end - at, new Uint8Array(end - at)) });
    }
  } finally {
    opened.close();
  }
  return pieces;
}

/** The pages of the stored file are this RAM, byte for byte. */
export function expectStored(file: string, { name, size, path }: RamFile): void {
  const block = blocksOf(file).find((each) => each.name === name);
  if (block === undefined) throw new Error(`${file} has no RAM block ${name}`);
  expect(block.length).toBe(size);
  const unpacked = `${file}.${name}`;
  writeSparse(unpacked, size, piecesOf(block));
  expect(firstDifference(path, unpacked, size)).toBeUndefined();
  rmSync(unpacked);
}

/** What the file says of whose pages they are; `uuid` is undefined if it says none. */
export function identityIn(file: string): { machine: string; uuid: string | undefined } {
  const { machineType, uuid } = inspectFile(file);
  return { machine: machineType, uuid };
}

/** A digest of each RAM block in the file that no guest of ours writes to: firmware, tables. By name. */
export function romsIn(file: string): Record<string, string> {
  const blocks = blocksOf(file).filter(({ name }) => name !== 'pc.ram');
  return Object.fromEntries(blocks.map((block) => [block.name, digest(block)]));
}

function digest(block: FileBlockDescriptor): string {
  const bytes = new Uint8Array(block.length);
  for (const piece of piecesOf(block)) bytes.set(piece.bytes, piece.at);
  return createHash('sha256').update(bytes).digest('hex');
}
