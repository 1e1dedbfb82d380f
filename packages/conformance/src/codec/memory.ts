import type { Random } from '../random.js';

const WORDS = 'kernel page memory guest channel stream buffer state device driver socket thread '.split(' ');

/** Fills one page, or several of a kind. */
export type Fill = (page: Uint8Array, index: number, random: Random) => void;

/** What memory looks like, from nothing to noise. */
export const FILLS: Readonly<Record<string, Fill>> = {
  'all zero': () => {},
  'one byte repeated, another in each page': (page, index) => page.fill(1 + (index % 255)),
  'one byte that is not zero': (page, index) => {
    page[(index * 97) % page.length] = 0x80;
  },
  'numbers that count': (page, index) => {
    const words = new Uint32Array(page.buffer, page.byteOffset, page.length / 4);
    for (let at = 0; at < words.length; at++) words[at] = index * words.length + at;
  },
  text: (page, _index, random) => {
    let text = '';
    while (text.length < page.length) text += `${WORDS[random(WORDS.length)]} `;
    page.set(Buffer.from(text.slice(0, page.length), 'latin1'));
  },
  'the same page again and again': (page) => {
    for (let at = 0; at < page.length; at++) page[at] = (at * 7) ^ (at >>> 5);
  },
  noise: (page, _index, random) => fillRandom(page, random),
  'half noise': (page, _index, random) => fillRandom(page.subarray(page.length / 2), random),
  'noise and text in turn': (page, index, random) => {
    if (index % 2 === 0) fillRandom(page, random);
    else FILLS.text?.(page, index, random);
  },
};

function fillRandom(bytes: Uint8Array, random: Random): void {
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
  for (let at = 0; at < words.length; at++) words[at] = random(2 ** 32);
}

/** `count` pages of shared memory, as guest memory is, filled one by one. */
export function filledPages(count: number, pageSize: number, fill: Fill, random: Random): Uint8Array {
  const memory = new Uint8Array(new SharedArrayBuffer(count * pageSize));
  for (let page = 0; page < count; page++) {
    fill(memory.subarray(page * pageSize, (page + 1) * pageSize), page, random);
  }
  return memory;
}

/** Any of the fills, drawn anew for each page. */
export const mixed: Fill = (page, index, random) => {
  const fills = Object.values(FILLS);
  fills[random(fills.length)]?.(page, index, random);
};

/** Offsets of `count` pages, one behind the other. */
export function neighbours(count: number, pageSize: number): number[] {
  return Array.from({ length: count }, (_, page) => page * pageSize);
}
