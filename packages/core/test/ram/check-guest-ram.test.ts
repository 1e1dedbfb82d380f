import { describe, expect, it } from 'vitest';
import { MultifdError } from '../../src/errors.js';
import type { FileBlockDescriptor, MemoryBlockDescriptor } from '../../src/ram/block.js';
import { DirtyBitmap } from '../../src/ram/dirty-bitmap.js';
import {
  allocateGuestRam,
  checkGuestRam,
  type GuestRamDescriptor,
  withDirtyBitmaps,
} from '../../src/ram/guest-ram.js';
import { altered } from '../support/untyped.js';

const MIB = 2 ** 20;

const good = allocateGuestRam([
  { name: 'a', length: 8 * MIB },
  { name: 'b', length: 4096 },
]);

function withFirst(change: Partial<MemoryBlockDescriptor>): GuestRamDescriptor {
  return {
    ...good,
    blocks: good.blocks.map((block, index) => (index === 0 ? { ...block, ...change } : block)),
  };
}

function file(change: Partial<FileBlockDescriptor>): GuestRamDescriptor {
  const block = { kind: 'file', name: 'f', length: 65536, path: '/nowhere', writable: false } as const;
  return { pageSize: 4096, blocks: [{ ...block, ...change }] };
}

function code(run: () => void): string {
  try {
    run();
    return 'no error';
  } catch (error) {
    return MultifdError.is(error) ? `${error.code}: ${error.message}` : `not ours: ${error}`;
  }
}

describe('checkGuestRam', () => {
  it('takes what allocateGuestRam gives', () => {
    expect(code(() => checkGuestRam(good))).toBe('no error');
  });

  it('takes RAM without dirty bitmaps, longer segments and a file', () => {
    const { dirty: _, ...still } = good;
    expect(code(() => checkGuestRam(still))).toBe('no error');
    const { kind, name, length, segmentSize } = good.blocks[0];
    const first = { kind, name, length, segmentSize, segments: [new SharedArrayBuffer(9 * MIB)] };
    const long = { ...good, blocks: [first, good.blocks[1]] };
    expect(code(() => checkGuestRam(long))).toBe('no error');
    const file = { kind: 'file', name: 'f', length: 4096, path: '/nowhere', writable: false } as const;
    expect(code(() => checkGuestRam({ pageSize: 4096, blocks: [file] }))).toBe('no error');
  });

  const bad: readonly { what: string; ram: GuestRamDescriptor; says: RegExp }[] = [
    { what: 'no blocks', ram: { pageSize: 4096, blocks: [] }, says: /no blocks/ },
    { what: 'a bitmap short', ram: { ...good, dirty: (good.dirty ?? []).slice(1) }, says: /1 dirty bitmaps/ },
    {
      what: 'a bitmap too short',
      ram: { ...good, dirty: [new SharedArrayBuffer(4), new SharedArrayBuffer(4)] },
      says: /block a: its dirty bitmap has 4 bytes of \d+/,
    },
    { what: 'an empty name', ram: withFirst({ name: '' }), says: /block 0: the name/ },
    { what: 'a name of 256 bytes', ram: withFirst({ name: 'ü'.repeat(128) }), says: /block 0: the name/ },
    { what: 'a NUL in a name', ram: withFirst({ name: 'a\0b' }), says: /without NUL/ },
    { what: 'a name twice', ram: withFirst({ name: 'b' }), says: /b is listed twice/ },
    { what: 'no bytes', ram: withFirst({ length: 0 }), says: /block a: the length .* got 0/ },
    { what: 'a negative length', ram: withFirst({ length: -4096 }), says: /got -4096/ },
    { what: 'half a page', ram: withFirst({ length: 2048 }), says: /multiple of the page size 4096/ },
    { what: 'a length that is no number', ram: withFirst({ length: Number.NaN }), says: /got NaN/ },
    { what: 'more than 2^53', ram: withFirst({ length: 2 ** 60 }), says: /block a/ },
    { what: 'a segment size of 3 MiB', ram: withFirst({ segmentSize: 3 * MIB }), says: /power of two/ },
    {
      what: 'a segment size of 1 MiB',
      ram: withFirst({ segmentSize: MIB }),
      says: /segmentSize must be a power of two, at least 4194304 bytes \(4 MiB\), got 1048576/,
    },
    {
      what: 'half a surrogate pair, which arrives as another name',
      ram: withFirst({ name: 'a\ud800' }),
      says: /block 0: the name must be/,
    },
    { what: 'pages of 5000 bytes', ram: { ...good, pageSize: 5000 }, says: /page size 5000/ },
    {
      what: 'a segment that is not shared',
      ram: withFirst(altered({}, 'segments', [new ArrayBuffer(8 * MIB)])),
      says: /block a: segment 0 must be a SharedArrayBuffer, is an object \(ArrayBuffer\)/,
    },
    {
      what: 'no list of segments',
      ram: withFirst(altered({}, 'segments', undefined)),
      says: /block a: segments must be an array, is undefined/,
    },
    {
      what: 'a kind that nobody knows',
      ram: withFirst(altered({}, 'kind', 'memroy')),
      says: /block a: the kind must be memory, file or host, is "memroy"/,
    },
    {
      what: "one bitmap for two blocks, of which each would clear the other's marks",
      ram: altered(good, 'dirty', [good.dirty[0], good.dirty[0]]),
      says: /block b: its dirty bitmap is that of another block too/,
    },
    {
      what: 'a bitmap that is not shared',
      ram: altered(good, 'dirty', [new ArrayBuffer(256), good.dirty[1]]),
      says: /block a: its dirty bitmap must be a SharedArrayBuffer/,
    },
    {
      what: 'a file without a path',
      ram: file(altered({}, 'path', undefined)),
      says: /path must be a string/,
    },
    {
      what: 'extents that do not ascend: what is between would go out as zero',
      ram: file({ extents: Float64Array.of(8192, 12288, 0, 4096) }),
      says: /block f: extents must be .* ascending and disjoint: number 2 is 0/,
    },
    {
      what: 'extents of NaN',
      ram: file({ extents: Float64Array.of(0, Number.NaN) }),
      says: /extents .* number 1 is NaN/,
    },
    { what: 'half an extent', ram: file({ extents: Float64Array.of(0) }), says: /extents must be pairs/ },
    { what: 'a segment too few', ram: withFirst({ segments: [] }), says: /do not add up/ },
    {
      what: 'a segment too many',
      ram: withFirst({ segments: [new SharedArrayBuffer(8 * MIB), new SharedArrayBuffer(4096)] }),
      says: /do not add up/,
    },
    {
      what: 'a segment too short',
      ram: withFirst({ segments: [new SharedArrayBuffer(8 * MIB - 1)] }),
      says: /do not add up to 8388608/,
    },
  ];
  it.each(bad)('refuses $what', ({ ram, says }) => {
    const answer = code(() => checkGuestRam(ram));
    expect(answer).toMatch(/^usage: /);
    expect(answer).toMatch(says);
  });

  it.each([
    { name: '', length: 4096 },
    { name: 'a', length: 4095 },
    { name: 'a', length: 0 },
    { name: 'a', length: -1 },
    { name: 'a', length: Number.NaN },
    { name: 'a', length: Number.POSITIVE_INFINITY },
    { name: 'a', length: 2 ** 53 },
  ])('allocateGuestRam refuses $name of $length bytes before it allocates', (block) => {
    expect(code(() => allocateGuestRam([block]))).toMatch(/^usage: /);
  });
});

it('allocateGuestRam refuses pages of a size that no migration takes', () => {
  expect(code(() => allocateGuestRam([{ name: 'a', length: 10_000 }], 5000))).toMatch(
    /^usage: page size 5000: must be a power of two from 4096 to 65536/,
  );
});

describe('withDirtyBitmaps', () => {
  const { dirty: _, ...still } = good;

  it('adds a clean bitmap for each block, and shares the memory', () => {
    const { blocks, dirty, pageSize } = withDirtyBitmaps(still);
    expect(pageSize).toBe(4096);
    expect(blocks).toBe(good.blocks);
    expect(dirty.map((buffer) => buffer.byteLength)).toEqual([2048 / 8, 4]);
    expect(dirty.map((buffer, index) => new DirtyBitmap(buffer, index === 0 ? 2048 : 1).count())).toEqual([
      0, 0,
    ]);
    expect(code(() => checkGuestRam({ blocks, dirty, pageSize }))).toBe('no error');
  });

  it('refuses RAM that has bitmaps, which its writers mark, and blocks that are no good', () => {
    expect(code(() => withDirtyBitmaps(good))).toMatch(/^usage: .*already/);
    expect(code(() => withDirtyBitmaps({ pageSize: 4096, blocks: [] }))).toMatch(/^usage: /);
  });
});
