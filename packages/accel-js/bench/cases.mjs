/** The memories that are checked. Filled once; each is the size of one guest segment unless it says otherwise. */

export const PAGE = 4096;
const SEGMENT = 2 ** 30;
const IN_CACHE = 2 ** 20;

const allocate = (bytes) => new Uint8Array(new SharedArrayBuffer(bytes));

/** xorshift32 over the whole memory: every page used, no two alike. */
function fillRandom(memory) {
  const words = new Uint32Array(memory.buffer);
  let state = 1;
  for (let i = 0; i < words.length; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[i] = state;
  }
}

function zeroEveryOtherPageAtRandom(memory) {
  let state = 7;
  for (let page = 0; page < memory.length; page += PAGE) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    if (state & 1) memory.fill(0, page, page + PAGE);
  }
}

/** `passes`: how often the memory is gone through for one sample. */
export const cases = [
  {
    name: 'zero, 1 GiB populated',
    passes: 1,
    make() {
      return allocate(SEGMENT).fill(0);
    },
  },
  {
    name: 'zero, 1 MiB in cache',
    passes: 400,
    make() {
      return allocate(IN_CACHE).fill(0);
    },
  },
  {
    name: 'zero, 1 GiB untouched',
    passes: 1,
    make() {
      return allocate(SEGMENT);
    },
  },
  {
    name: 'random, 1 GiB',
    passes: 2,
    make() {
      const memory = allocate(SEGMENT);
      fillRandom(memory);
      return memory;
    },
  },
  {
    name: 'half zero at random, 1 GiB',
    passes: 1,
    make() {
      const memory = allocate(SEGMENT);
      fillRandom(memory);
      zeroEveryOtherPageAtRandom(memory);
      return memory;
    },
  },
  {
    name: 'only the last byte set, 1 GiB',
    passes: 1,
    make() {
      const memory = allocate(SEGMENT).fill(0);
      for (let page = 0; page < memory.length; page += PAGE) memory[page + PAGE - 1] = 1;
      return memory;
    },
  },
];
