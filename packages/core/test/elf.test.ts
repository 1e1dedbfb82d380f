import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { readElf } from '../src/elf.js';

const folder = mkdtempSync(join(tmpdir(), 'elf-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A program with one segment to load, of `length` bytes, and the name of its loader at `at`. */
function program(name: string, at: number, length: number): string {
  const bytes = Buffer.alloc(length);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, 1]);
  bytes.writeBigUInt64LE(64n, 32);
  bytes.writeUInt16LE(56, 54);
  bytes.writeUInt16LE(2, 56);
  for (const [index, type, start, size] of [
    [0, 1, 0, length],
    [1, 3, at, name.length + 1],
  ] as const) {
    bytes.writeUInt32LE(type, 64 + index * 56);
    bytes.writeBigUInt64LE(BigInt(start), 64 + index * 56 + 8);
    bytes.writeBigUInt64LE(BigInt(size), 64 + index * 56 + 32);
  }
  bytes.write(name, at, 'latin1');
  const path = join(folder, `${at}`);
  writeFileSync(path, bytes);
  return path;
}

describe('the loader of a program', () => {
  // A Node from PyPI has it behind everything else: it was patched for the libraries that come with it.
  it.each([176, 4090, 9000])('at byte %i', (at) => {
    const path = program('/lib/ld-musl-x86_64.so.1', at, 10_000);
    expect(readElf(path)).toEqual({
      loader: '/lib/ld-musl-x86_64.so.1',
      size: 10_000,
      needed: 10_000,
      endsInZeros: false,
    });
  });

  it('a name that would take all memory is none', () => {
    const path = program('x', 176, 10_000);
    const bytes = Buffer.alloc(10_000);
    bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, 1]);
    bytes.writeBigUInt64LE(64n, 32);
    bytes.writeUInt16LE(56, 54);
    bytes.writeUInt16LE(1, 56);
    bytes.writeUInt32LE(3, 64);
    bytes.writeBigUInt64LE(2n ** 40n, 64 + 32);
    writeFileSync(path, bytes);
    expect(readElf(path)?.loader).toBeUndefined();
  });

  it('of what is no program there is none', () => {
    const path = join(folder, 'text');
    writeFileSync(path, 'text');
    expect(readElf(path)).toBeUndefined();
    expect(readElf(join(folder, 'nothing'))).toBeUndefined();
  });
});
