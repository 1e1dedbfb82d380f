import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

/** Bytes at the start of a file that hold its header, its segments and the name of its loader. */
const FRONT = 4096;
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
}

/**
 * Reads the start of an ELF file, in microseconds.
 * @returns undefined for a file that cannot be read, is of another kind, or has its segment table further back.
 */
export function readElf(path: string): Elf | undefined {
  const file = frontOf(path);
  if (file === undefined) return undefined;
  const { bytes, size } = file;
  if (bytes.length < HEADER_SIZE || bytes.readUInt32BE(0) !== 0x7f454c46) return undefined;
  const is64 = bytes[4] === 2;
  const isLittleEndian = bytes[5] === 1;
  if (!is64 || !isLittleEndian) return undefined;
  const segments = Number(bytes.readBigUInt64LE(32));
  const sections = Number(bytes.readBigUInt64LE(40));
  const count = bytes.readUInt16LE(56);
  if (bytes.readUInt16LE(54) !== SEGMENT_SIZE) return undefined;
  if (segments + count * SEGMENT_SIZE > FRONT) return undefined;
  let needed = Math.max(
    segments + count * SEGMENT_SIZE,
    sections + bytes.readUInt16LE(58) * bytes.readUInt16LE(60),
  );
  let loader: string | undefined;
  for (let at = segments; at < segments + count * SEGMENT_SIZE; at += SEGMENT_SIZE) {
    if (at + SEGMENT_SIZE > bytes.length) break;
    const type = bytes.readUInt32LE(at);
    const start = Number(bytes.readBigUInt64LE(at + 8));
    const end = start + Number(bytes.readBigUInt64LE(at + 32));
    if (type === PT_LOAD) needed = Math.max(needed, end);
    if (type === PT_INTERP) loader = bytes.toString('latin1', start, end).replace(/\0.*$/s, '');
  }
  return { loader, size, needed };
}

function frontOf(path: string): { readonly bytes: Buffer; readonly size: number } | undefined {
  try {
    const fd = openSync(path, 'r');
    try {
      const bytes = Buffer.alloc(FRONT);
      return { bytes: bytes.subarray(0, readSync(fd, bytes, 0, FRONT, 0)), size: fstatSync(fd).size };
    } finally {
      closeSync(fd);
    }
  } catch {
    // Code that needs the file itself will report why it cannot be read.
    return undefined;
  }
}
