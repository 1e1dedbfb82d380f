import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

/** Bytes at the start of a file that hold its header and its segments. */
const FRONT = 4096;
/** Bytes that the name of a loader may have. */
const LONGEST_NAME = 4096;
const HEADER_SIZE = 64;
const SEGMENT_SIZE = 56;
const PT_LOAD = 1;
const PT_INTERP = 3;

/** Facts about a 64-bit little-endian ELF file, a program or a library, from its first bytes. */
export interface Elf {
  /** Its loader, `/lib64/ld-linux-x86-64.so.2`; undefined for a library. */
  readonly loader: string | undefined;
  /** Size of the file in bytes. */
  readonly size: number;
  /** Size in bytes that it must have: linkers put the section table last. */
  readonly needed: number;
  /** Whether zeros stand where its last section is described: a copy that a crash or a full disk has ended. */
  readonly endsInZeros: boolean;
}

/**
 * Reads the start of an ELF file, in microseconds.
 * @returns undefined for a file that cannot be read, is of another kind, or has its segment table further back.
 */
export function readElf(path: string): Elf | undefined {
  try {
    const fd = openSync(path, 'r');
    try {
      return readOpenElf(fd);
    } finally {
      closeSync(fd);
    }
  } catch {
    // Code that needs the file itself will report why it cannot be read.
    return undefined;
  }
}

function readOpenElf(fd: number): Elf | undefined {
  const bytes = bytesAt(fd, 0, FRONT);
  if (bytes.length < HEADER_SIZE || bytes.readUInt32BE(0) !== 0x7f454c46) return undefined;
  const is64 = bytes[4] === 2;
  const isLittleEndian = bytes[5] === 1;
  if (!is64 || !isLittleEndian) return undefined;
  const segments = Number(bytes.readBigUInt64LE(32));
  const sections = Number(bytes.readBigUInt64LE(40));
  const count = bytes.readUInt16LE(56);
  if (bytes.readUInt16LE(54) !== SEGMENT_SIZE) return undefined;
  if (segments + count * SEGMENT_SIZE > FRONT) return undefined;
  const sectionSize = bytes.readUInt16LE(58);
  const sectionsEnd = sections + sectionSize * bytes.readUInt16LE(60);
  let needed = Math.max(segments + count * SEGMENT_SIZE, sectionsEnd);
  let loader: string | undefined;
  for (let at = segments; at < segments + count * SEGMENT_SIZE; at += SEGMENT_SIZE) {
    if (at + SEGMENT_SIZE > bytes.length) break;
    const type = bytes.readUInt32LE(at);
    const start = Number(bytes.readBigUInt64LE(at + 8));
    const size = Number(bytes.readBigUInt64LE(at + 32));
    if (type === PT_LOAD) needed = Math.max(needed, start + size);
    // Mostly within the first bytes; at the end of a file that patchelf has changed.
    if (type === PT_INTERP && size <= LONGEST_NAME)
      loader = bytesAt(fd, start, size).toString('latin1').replace(/\0.*$/s, '');
  }
  // The first section's description is all zeros; a stripped program has no other, or none.
  const hasSections = bytes.readUInt16LE(60) > 1;
  const last = hasSections ? bytesAt(fd, sectionsEnd - sectionSize, sectionSize) : undefined;
  const endsInZeros = last?.every((byte) => byte === 0) ?? false;
  return { loader, size: fstatSync(fd).size, needed, endsInZeros };
}

function bytesAt(fd: number, position: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  return bytes.subarray(0, readSync(fd, bytes, 0, length, position));
}
