import { writeFileSync } from 'node:fs';
import { MultifdError } from '@multifd/core';
import type { TestFolder } from './folder.js';

/** libvirt's formats by number. */
export const FORMATS = { raw: 0, gzip: 1, bzip2: 2, xz: 3, lzop: 4, zstd: 5, sparse: 6 } as const;

/** What a call throws; it must be ours. */
export async function refusal(call: () => unknown): Promise<MultifdError> {
  try {
    await call();
  } catch (error) {
    if (MultifdError.is(error)) return error;
    throw error;
  }
  throw new Error('it was accepted');
}

/** A file with these bytes. @returns its path. */
export function write(folder: TestFolder, ...parts: readonly (Uint8Array | string)[]): string {
  const path = folder.file('file');
  writeFileSync(path, Buffer.concat(parts.map((part) => Buffer.from(part))));
  return path;
}

/** A frame that zstd and lz4 skip. */
export function skippable(size: number): Uint8Array {
  return Uint8Array.of(0x5f, 0x2a, 0x4d, 0x18, size, 0, 0, 0, ...Array.from({ length: size }, () => 0x28));
}
