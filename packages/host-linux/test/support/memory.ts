import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RamBlock } from '@multifd/core';
import { afterAll } from 'vitest';
import { hostBlocks, type MapOptions, type MappedRam, mapRam } from '../../src/index.js';

export const PAGE = 4096;
export const MIB = 2 ** 20;
export const GIB = 2 ** 30;

/** A folder that is gone when the tests of a file are over: the process that they run in may be killed then. */
export const folder = mkdtempSync(join(tmpdir(), 'multifd-host-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let files = 0;

/** A new file of `length` bytes, all holes. */
export function sparseFile(length: number): string {
  const path = join(folder, `ram-${files++}.img`);
  writeFileSync(path, '');
  truncateSync(path, length);
  return path;
}

/** Every kind of memory that a guest can have, by a name for tests. `announced`: `auto`, and all of it was announced. */
export const KINDS = ['anon', 'thp', 'announced', 'memfd', 'shared file', 'private file'] as const;
export type Kind = (typeof KINDS)[number];

/** Whether memory of this kind is all in huge pages. */
export function isHuge(kind: Kind): boolean {
  return kind === 'thp' || kind === 'announced';
}

export function optionsOf(kind: Kind, length: number): MapOptions {
  const common = { name: 'pc.ram', length };
  if (kind === 'shared file') return { ...common, kind: 'file', file: sparseFile(length) };
  if (kind === 'private file') return { ...common, kind: 'file', file: sparseFile(length), shared: false };
  return { ...common, kind: kind === 'announced' ? 'auto' : kind };
}

/** Mapped memory and a block of it; both are closed by `close`. */
export interface OpenRam {
  readonly ram: MappedRam;
  readonly block: RamBlock;
  close(): void;
}

export function openRam(options: MapOptions): OpenRam {
  const ram = mapRam(options);
  const block = hostBlocks.open(ram.descriptor);
  if (options.kind === 'auto') announceAll(block);
  return {
    ram,
    block,
    close() {
      block.close();
      ram.close();
    },
  };
}

/** As if packets for all pages of the block were about to be received. */
export function announceAll(block: RamBlock): void {
  const offsets = new Float64Array(128);
  for (let start = 0; start < block.length; start += 2 * MIB) {
    const count = Math.min(128, (block.length - start) / PAGE);
    for (let page = 0; page < count; page++) offsets[page] = start + page * PAGE;
    block.announce?.(offsets, count, PAGE);
  }
}

const NOTHING = new Uint8Array(0);

/** The block's own bytes. */
export function bytesOf(block: RamBlock, offset: number, length: number): Uint8Array {
  return block.read(offset, length, NOTHING);
}

/** The pages of a block that are absent, looked at as an engine does. */
export function absentPages(block: RamBlock): Set<number> {
  const pages = new Set<number>();
  for (let offset = 0; offset < block.length; ) {
    const known = block.absent(offset, block.length - offset);
    if (known === 0) throw new Error(`absent says nothing at ${offset}`);
    if (known > 0) for (let page = offset / PAGE; page < (offset + known) / PAGE; page++) pages.add(page);
    offset += Math.abs(known);
  }
  return pages;
}

/** Maps a little memory for one use. */
export function mappedOnce<T>(use: (descriptor: MappedRam['descriptor']) => T): T {
  const { ram, close } = openRam(optionsOf('anon', MIB));
  try {
    return use(ram.descriptor);
  } finally {
    close();
  }
}
