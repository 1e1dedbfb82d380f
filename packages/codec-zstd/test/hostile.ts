import { constants, deflateSync, zstdCompressSync } from 'node:zlib';
import type { HostilePayload } from '@multifd/conformance';

const PAGE = 4096;
const page = new Uint8Array(PAGE).fill(7);
const checked = { params: { [constants.ZSTD_c_checksumFlag]: 1 } } as const;

/** A frame header, by hand: magic number, descriptor, and what follows. */
function frame(descriptor: number, ...rest: readonly number[]): Uint8Array {
  return Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, descriptor, ...rest);
}

/** A window of 2^log bytes, as a frame header declares it. */
const windowOf = (log: number): number => (log - 10) << 3;

/** A frame of eight bytes that stand for nothing. */
const SKIPPABLE = Uint8Array.of(0x50, 0x2a, 0x4d, 0x18, 8, 0, 0, 0, ...new Array<number>(8).fill(0x2a));

/** One block of `size` equal bytes, the last of its frame or not. */
function repeated(size: number, last: boolean): number[] {
  const header = (size << 3) | (1 << 1) | (last ? 1 : 0);
  return [header & 0xff, (header >>> 8) & 0xff, header >>> 16, 0x2a];
}

/** What would make a careless receiver allocate or wait. */
export const hostile: readonly HostilePayload[] = [
  {
    name: 'a window of 64 MiB',
    count: 1,
    payload: () => frame(0, windowOf(26), ...repeated(PAGE, true)),
  },
  {
    name: 'a window of 64 MiB, and a page that needs none',
    count: 1,
    payload: () => frame(0x80, windowOf(26), 0, PAGE >>> 8, 0, 0, ...repeated(PAGE, true)),
  },
  {
    name: 'a window of 2 TiB',
    count: 1,
    payload: () => frame(0, windowOf(41), ...repeated(PAGE, true)),
  },
  {
    name: 'a frame that says it holds 1 GiB, in one segment',
    count: 1,
    payload: () => frame(0xa0, 0, 0, 0, 0x40, ...repeated(PAGE, true)),
  },
  {
    name: 'a dictionary that nobody has',
    count: 1,
    payload: () => frame(0x01, windowOf(17), 0x99, ...repeated(PAGE, true)),
  },
  {
    name: 'a bomb: 128 KiB in each four bytes',
    count: 1,
    payload: () => {
      const blocks = Array.from({ length: 2000 }, () => repeated(2 ** 17, false)).flat();
      return frame(0, windowOf(17), ...blocks);
    },
  },
  {
    name: 'a checksum that is not right',
    count: 1,
    payload: () => {
      const whole = Uint8Array.from(zstdCompressSync(page, checked));
      const last = whole.length - 1;
      whole[last] = (whole[last] ?? 0) ^ 1;
      return whole;
    },
  },
  // A decoder then wants three bytes, as it does before a block that may be in the next packet.
  {
    name: 'a checksum without its last three bytes',
    count: 1,
    payload: () => zstdCompressSync(page, checked).subarray(0, -3),
  },
  {
    name: 'a skippable frame without its last three bytes',
    count: 1,
    payload: () => Buffer.concat([zstdCompressSync(page), SKIPPABLE]).subarray(0, -3),
  },
  {
    name: 'empty blocks and nothing else',
    count: 1,
    payload: () => frame(0, windowOf(17), ...new Array<number>(3 * 2000).fill(0)),
  },
  { name: 'a zlib stream', count: 1, payload: () => deflateSync(page) },
];
