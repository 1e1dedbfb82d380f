import assert from 'node:assert/strict';
import { type CaseContext, defineCase, definePageCases } from '../case.js';
import { assertAnswers, PLACES, type Place, pageOffsets, sharedPages, sharedWasmMemory } from '../memory.js';
import { withSubject } from '../subject.js';

const GiB = 2 ** 30;

export const placeCases = [
  ...definePageCases('offsets out of order, with gaps and repeats', outOfOrder, { random: true }),
  defineCase('offsets far beyond 4 GiB', farOffsets),
  ...definePageCases('memory that is not aligned beyond a page', pageAligned),
  ...definePageCases('memory at any byte of an ArrayBuffer', (context) =>
    unaligned(context, (bytes) => new ArrayBuffer(bytes)),
  ),
  ...definePageCases('memory at any byte of a SharedArrayBuffer', (context) =>
    unaligned(context, (bytes) => new SharedArrayBuffer(bytes)),
  ),
  ...definePageCases('memory in a shared WebAssembly memory, handed over with it', wasmMemory, {
    random: true,
  }),
  ...PLACES.map((place) =>
    defineCase(`views into one buffer, one after the other${place.in}`, (context) =>
      viewAfterView(context, place),
    ),
  ),
  defineCase('4 GiB of WebAssembly memory, to its last byte', wholeWasmMemory),
];

async function outOfOrder(context: CaseContext): Promise<void> {
  const { pageSize, random } = context;
  const pages = 128;
  const memory = sharedPages(pages, pageSize);
  const isZero = Array.from({ length: pages }, () => random(2));
  isZero.forEach((zero, page) => {
    if (zero === 0) memory[page * pageSize + random(pageSize)] = 1 + random(255);
  });
  const chosen = [
    ...Array.from({ length: 300 }, () => random(pages)),
    ...Array.from({ length: pages }, (_, i) => pages - 1 - i),
  ];
  await withSubject(context, async (subject) => {
    const answers = await subject.detect(
      memory,
      chosen.map((page) => page * pageSize),
    );
    assertAnswers(
      answers,
      chosen.map((page) => isZero[page] ?? 1),
      (i) => `page ${chosen[i]}`,
    );
  });
}

/** The memory is never touched but for the pages that are looked at, so it takes next to nothing. */
async function farOffsets(context: CaseContext): Promise<void> {
  const { pageSize } = context;
  const memory = new Uint8Array(new SharedArrayBuffer(9 * GiB));
  const offsets = [
    0,
    2 * GiB - pageSize,
    2 * GiB,
    4 * GiB - pageSize,
    4 * GiB,
    4 * GiB + pageSize,
    6 * GiB,
    8 * GiB,
    9 * GiB - pageSize,
  ];
  await withSubject(context, async (subject) => {
    for (const used of offsets) {
      for (const at of [used, used + pageSize - 1]) {
        memory[at] = 1;
        const wanted = offsets.map((offset) => (offset === used ? 0 : 1));
        assertAnswers(
          await subject.detect(memory, offsets),
          wanted,
          (i) => `offset ${offsets[i]}, byte ${at} set`,
        );
        memory[at] = 0;
      }
    }
  });
}

/** WebAssembly memory starts at a page of the host; a view into it starts at a guest page, and at no larger unit. */
async function pageAligned(context: CaseContext): Promise<void> {
  const { pageSize } = context;
  const { buffer } = new WebAssembly.Memory({ initial: 8, maximum: 8, shared: true });
  for (const start of [4096, 3 * 4096, 7 * 4096]) {
    const whole = new Uint8Array(buffer).fill(0);
    await ownBytesOnly(context, whole, new Uint8Array(buffer, start, 3 * pageSize), start);
    assert.equal(whole[start - 1], 1);
  }
}

async function unaligned(
  context: CaseContext,
  allocate: (bytes: number) => ArrayBuffer | SharedArrayBuffer,
): Promise<void> {
  const { pageSize } = context;
  for (const start of [1, 2, 3, 7, 8, 15, 16, 31, 32, 33, 63, 64, 65, 4095]) {
    const buffer = allocate(start + 3 * pageSize + 1);
    await ownBytesOnly(context, new Uint8Array(buffer), new Uint8Array(buffer, start, 3 * pageSize), start);
  }
}

/** Bytes before and behind `memory` are set: they are no business of the pages in it. */
async function ownBytesOnly(
  context: CaseContext,
  whole: Uint8Array,
  memory: Uint8Array,
  start: number,
): Promise<void> {
  const { pageSize } = context;
  const offsets = pageOffsets(3, pageSize);
  whole[start - 1] = 1;
  whole[start + memory.length] = 1;
  await withSubject(context, async (subject) => {
    assertAnswers(
      await subject.detect(memory, offsets),
      [1, 1, 1],
      (page) => `view at ${start}, page ${page}`,
    );
    for (const at of [pageSize, 2 * pageSize - 1, 3 * pageSize - 1]) {
      memory[at] = 1;
      const wanted = offsets.map((offset) => (at >= offset && at < offset + pageSize ? 0 : 1));
      assertAnswers(
        await subject.detect(memory, offsets),
        wanted,
        (page) => `view at ${start}, byte ${at} set, page ${page}`,
      );
      memory[at] = 0;
    }
  });
}

/** What core does with a block: range after range, each a view of its own into the same buffer. */
async function viewAfterView(context: CaseContext, place: Place): Promise<void> {
  const { pageSize } = context;
  const { memory: whole, ...rest } = place.allocate(8, pageSize);
  const view = (page: number) =>
    new Uint8Array(whole.buffer, whole.byteOffset + page * pageSize, 2 * pageSize);
  for (const page of [1, 4, 5]) whole[page * pageSize + page] = page;
  await withSubject(context, async (subject) => {
    for (const first of [0, 2, 4, 6, 3, 0, 1]) {
      const wanted = [first, first + 1].map((page) => ([1, 4, 5].includes(page) ? 0 : 1));
      assertAnswers(
        await subject.detect({ memory: view(first), ...rest }, [0, pageSize]),
        wanted,
        (page) => `view from page ${first} on, page ${page}`,
      );
    }
  });
}

/** The last address is 2^32 - 1: behind it, 32 bits are 0 again. Only the pages that are looked at are touched. */
async function wholeWasmMemory(context: CaseContext): Promise<void> {
  const { pageSize } = context;
  const wasmMemory = sharedWasmMemory(4 * GiB);
  const offsets = [0, 2 * GiB - pageSize, 2 * GiB, 4 * GiB - 2 * pageSize, 4 * GiB - pageSize];
  const memory = new Uint8Array(wasmMemory.buffer);
  await withSubject(context, async (subject) => {
    for (const used of offsets) {
      for (const at of [used, used + pageSize - 1]) {
        memory[at] = 1;
        assertAnswers(
          await subject.detect({ memory, wasmMemory }, offsets),
          offsets.map((offset) => (offset === used ? 0 : 1)),
          (i) => `offset ${offsets[i]}, byte ${at} set`,
        );
        memory[at] = 0;
      }
    }
  });
}

/** What core does for guest memory of its own: `memory` is a view into `wasmMemory.buffer`, at any page. */
async function wasmMemory(context: CaseContext): Promise<void> {
  const { pageSize, random } = context;
  const pages = 64;
  const offsets = pageOffsets(pages, pageSize);
  await withSubject(context, async (subject) => {
    for (const start of [0, 4096, 65536]) {
      const wasm = sharedWasmMemory(pages * pageSize + 2 * 65536);
      const memory = new Uint8Array(wasm.buffer, start, pages * pageSize);
      const wanted = offsets.map(() => random(2));
      wanted.forEach((zero, page) => {
        if (zero === 0) memory[page * pageSize + random(pageSize)] = 1 + random(255);
      });
      const before = new Uint8Array(wasm.buffer).slice();
      assertAnswers(
        await subject.detect({ memory, wasmMemory: wasm }, offsets),
        wanted,
        (page) => `view at ${start}, page ${page}`,
      );
      assert.equal(Buffer.compare(before, new Uint8Array(wasm.buffer)), 0, 'the memory was written to');
    }
  });
}
