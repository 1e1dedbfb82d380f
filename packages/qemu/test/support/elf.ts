import { closeSync, openSync, readSync } from 'node:fs';

/** What a dump holds, read without our own code. */
export interface ElfDump {
  readonly machine: number;
  readonly segments: readonly {
    readonly offset: number;
    readonly address: number;
    readonly length: number;
  }[];
  readonly notes: Buffer;
}

/** @returns undefined if the file does not hold all of headers and notes yet. */
export function tryReadElf(path: string): ElfDump | undefined {
  const fd = openSync(path, 'r');
  try {
    const read = (offset: number, length: number): Buffer => {
      const bytes = Buffer.alloc(length);
      return bytes.subarray(0, readSync(fd, bytes, 0, length, offset));
    };
    const header = read(0, 64);
    if (header.length < 64) return undefined;
    const count = header.readUInt16LE(56);
    const table = read(Number(header.readBigUInt64LE(32)), 56 * count);
    if (table.length < 56 * count) return undefined;
    const entries = Array.from({ length: count }, (_, index) => table.subarray(56 * index));
    const all = entries.map((entry) => ({
      type: entry.readUInt32LE(0),
      offset: Number(entry.readBigUInt64LE(8)),
      address: Number(entry.readBigUInt64LE(24)),
      length: Number(entry.readBigUInt64LE(32)),
    }));
    const note = all.find(({ type }) => type === 4);
    if (note === undefined) throw new Error(`${path}: no notes`);
    const notes = read(note.offset, note.length);
    if (notes.length < note.length) return undefined;
    const segments = all
      .filter(({ type }) => type === 1)
      .map(({ offset, address, length }) => ({ offset, address, length }));
    return { machine: header.readUInt16LE(18), segments, notes };
  } finally {
    closeSync(fd);
  }
}

export function readElf(path: string): ElfDump {
  const dump = tryReadElf(path);
  if (dump === undefined) throw new Error(`${path}: cut short`);
  return dump;
}

/** Guest-physical addresses and lengths. */
export function placesOf({ segments }: ElfDump): string[] {
  return segments.map(({ address, length }) => `0x${address.toString(16)}+0x${length.toString(16)}`);
}

/** Guest-physical memory. */
export function readPhysical(path: string, address: number, length: number): Buffer {
  const segment = readElf(path).segments.find(
    (each) => each.address <= address && address + length <= each.address + each.length,
  );
  if (segment === undefined) throw new Error(`${path}: nothing at ${address}`);
  const bytes = Buffer.alloc(length);
  const fd = openSync(path, 'r');
  readSync(fd, bytes, 0, length, segment.offset + address - segment.address);
  closeSync(fd);
  return bytes;
}
