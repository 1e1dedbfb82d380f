import type { Random } from '@multifd/testing/random';

/** A production of the grammar, as bytes: what a stream or a file is made of. */
export interface Piece {
  /** The name of the production: hostile variants go by it. */
  readonly what: string;
  readonly bytes: Uint8Array;
}

export function inARow(pieces: readonly Piece[]): Uint8Array {
  return Buffer.concat(pieces.map(({ bytes }) => bytes));
}

/** Big-endian, as all of the wire. */
export function u16(value: number): Uint8Array {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
}

export function u32(value: number): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

export function u64(value: bigint): Uint8Array {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(value);
  return bytes;
}

/** A u8 length, cut to what fits, then the name. */
export function pstr(name: Uint8Array): Uint8Array {
  return Buffer.concat([Buffer.of(Math.min(255, name.length)), name.subarray(0, 255)]);
}

export function patched(bytes: Uint8Array, at: number, by: Uint8Array): Uint8Array {
  const copy = Uint8Array.from(bytes);
  copy.set(by.subarray(0, Math.max(0, copy.length - at)), at);
  return copy;
}

export function pick<T>(random: Random, values: readonly T[]): T {
  const value = values[random.int(values.length)];
  if (value === undefined) throw new Error('nothing to pick from');
  return value;
}

/** Numbers at which a count, a length or an offset goes wrong. */
export const NASTY_U32 = [0, 1, 255, 256, 4095, 4097, 0x7fff_ffff, 0x8000_0000, 0xffff_f000, 0xffff_ffff];
export const NASTY_U64 = [
  0n,
  1n,
  4095n,
  4096n,
  2n ** 31n,
  2n ** 32n - 1n,
  2n ** 32n,
  2n ** 42n,
  2n ** 53n - 4096n,
  2n ** 53n,
  2n ** 53n + 4096n,
  2n ** 63n - 4096n,
  2n ** 63n,
  2n ** 64n - 4096n,
  2n ** 64n - 1n,
];

const text = (name: string): Uint8Array => Buffer.from(name);

/** Names that a careless program takes for a path, a member, a line, a command of the terminal, or the end of a string. */
export const NASTY_NAMES: readonly Uint8Array[] = [
  text(''),
  text('a'.repeat(255)),
  text('\u{1f4a3}'.repeat(63)),
  text('pc.ram\0'),
  text('\0'),
  text('a\nmultifd: completed'),
  text('a\rb'),
  text('\u001b[2J\u001b]0;x\u0007'),
  text('\u202egnp.mar'),
  text('__proto__'),
  text('constructor'),
  text('toString'),
  text('..'),
  text('.'),
  text('/'),
  text('../../escaped'),
  text('/tmp/escaped'),
  text('a/../../../escaped'),
  text('..\\escaped'),
  text('.multifd'),
  text('-rf'),
  text('%s%n'),
  text('CON'),
  text(' '),
  Buffer.of(0xff, 0xfe),
  Buffer.of(0xc0, 0xae, 0xc0, 0xae, 0x2f),
  Buffer.of(0xed, 0xa0, 0x80),
];
