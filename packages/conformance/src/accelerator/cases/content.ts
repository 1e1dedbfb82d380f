import { type CaseContext, definePlaceCases } from '../case.js';
import { assertAnswers, type Place, pageOffsets } from '../memory.js';
import { withSubject } from '../subject.js';

/** One bit at either end of a byte, and all of them. */
const VALUES = [0x01, 0x80, 0xff];

/** Most bytes that a case lays out at once. */
const MOST = 16 * 2 ** 20;

export const contentCases = [
  ...definePlaceCases('all zero', (context, place) =>
    withSubject(context, async (subject) => {
      const pages = place.allocate(66, context.pageSize);
      const answers = await subject.detect(pages, pageOffsets(66, context.pageSize));
      assertAnswers(answers, Array<number>(66).fill(1), (page) => `page ${page}`);
    }),
  ),
  ...definePlaceCases('one non-zero byte (0x01, 0x80, 0xff) at every offset', oneByteAnywhere),
  ...definePlaceCases('bit patterns that numbers take for zero or nothing: -0, NaN, denormals', numbers),
  ...definePlaceCases('different content in every lane and page', lanes, { random: true }),
  ...definePlaceCases('random memory', randomPages, { random: true }),
];

/** Page `i` of a batch has its byte where nobody else has; zero pages between them see to strays. */
async function oneByteAnywhere(context: CaseContext, place: Place): Promise<void> {
  const { pageSize } = context;
  const places = VALUES.flatMap((value) => bytesToTry(pageSize).map((at) => ({ at, value })));
  const pages = MOST / pageSize;
  const guest = place.allocate(pages, pageSize);
  const { memory } = guest;
  const offsets = pageOffsets(pages, pageSize);
  await withSubject(context, async (subject) => {
    for (let first = 0; first < places.length; first += pages / 2) {
      const now = places.slice(first, first + pages / 2);
      now.forEach(({ at, value }, i) => {
        memory[2 * i * pageSize + at] = value;
      });
      const wanted = offsets.map((_, page) => (page % 2 === 0 && page / 2 < now.length ? 0 : 1));
      assertAnswers(await subject.detect(guest, offsets), wanted, (page) => {
        const place = page % 2 === 0 ? now[page / 2] : undefined;
        return place === undefined ? `zero page ${page}` : `byte ${place.at} = ${place.value}, all else zero`;
      });
      now.forEach(({ at }, i) => {
        memory[2 * i * pageSize + at] = 0;
      });
    }
  });
}

/** Every byte of a 4 KiB page. Of larger ones all near the edges of each 4 KiB, and every 61st in between. */
function bytesToTry(pageSize: number): number[] {
  const all = Array.from({ length: pageSize }, (_, at) => at);
  if (pageSize === 4096) return all;
  return all.filter((at) => at % 61 === 0 || (at + 32) % 4096 < 64 || at >= pageSize - 64);
}

/** Content of a page that is all zero but for it. */
interface Pattern {
  readonly what: string;
  /** Where it begins. */
  readonly places: readonly number[];
  write(page: DataView, at: number): void;
}

async function numbers(context: CaseContext, place: Place): Promise<void> {
  const { pageSize } = context;
  const cases = patterns(pageSize).flatMap(({ what, places, write }) =>
    places.map((at) => ({ what: `${what} at ${at}`, write, at })),
  );
  const guest = place.allocate(cases.length + 1, pageSize);
  const { buffer, byteOffset } = guest.memory;
  cases.forEach(({ write, at }, page) => {
    write(new DataView(buffer, byteOffset + page * pageSize, pageSize), at);
  });
  await withSubject(context, async (subject) => {
    const answers = await subject.detect(guest, pageOffsets(cases.length + 1, pageSize));
    const wanted = [...cases.map(() => 0), 1];
    assertAnswers(answers, wanted, (page) => cases[page]?.what ?? 'the zero page behind them');
  });
}

function patterns(pageSize: number): Pattern[] {
  const places = [0, 8, 56, 2040, pageSize - 8];
  const either = (what: string, write: (page: DataView, at: number, little: boolean) => void): Pattern[] =>
    [true, false].map((little) => ({
      what: `${what}, ${little ? 'little' : 'big'}-endian`,
      places,
      write: (page, at) => write(page, at, little),
    }));
  return [
    ...either('-0 (float64)', (page, at, little) => page.setFloat64(at, -0, little)),
    ...either('-0 (float32)', (page, at, little) => page.setFloat32(at, -0, little)),
    ...either('-0 (float16)', (page, at, little) => page.setUint16(at, 0x8000, little)),
    ...either('NaN (float64)', (page, at, little) => page.setFloat64(at, Number.NaN, little)),
    ...either('NaN (float32)', (page, at, little) => page.setFloat32(at, Number.NaN, little)),
    ...either('denormal (float64)', (page, at, little) => page.setFloat64(at, Number.MIN_VALUE, little)),
    ...either('denormal (float32)', (page, at, little) => page.setUint32(at, 1, little)),
    ...either('denormal (float16)', (page, at, little) => page.setUint16(at, 1, little)),
    { what: 'two halves that cancel out', places, write: (page, at) => page.setUint32(at, 0x00ff_ff01) },
    {
      what: '256 times the same',
      places: places.map((at) => at - (at % 256)),
      write: (page, at) => new Uint8Array(page.buffer, page.byteOffset + at, 256).fill(1),
    },
    ...Array.from({ length: 64 }, (_, bit) => ({
      what: `bit ${bit} alone`,
      places: [0, 2048, pageSize - 8],
      write: (page: DataView, at: number) => page.setBigUint64(at, 1n << BigInt(bit), true),
    })),
    ...[1, 2, 4, 8].flatMap((width) => pairs(width, pageSize)),
  ];
}

/** Two words far from each other that are nothing together: added up, or by exclusive or. */
function pairs(width: number, pageSize: number): Pattern[] {
  const places = [0, 64, pageSize / 2 - 8];
  const bits = 8 * width;
  const one = 0x0123_4567_89ab_cdefn;
  const write = (page: DataView, at: number, word: bigint) => {
    for (let byte = 0; byte < width; byte++) {
      page.setUint8(at + byte, Number((word >> BigInt(8 * byte)) & 0xffn));
    }
  };
  const pair = (what: string, other: bigint): Pattern => ({
    what,
    places,
    write(page, at) {
      write(page, at, one);
      write(page, at + pageSize / 2, other);
    },
  });
  return [
    pair(`two words of ${bits} bits that add up to 0`, -one),
    pair(`one word of ${bits} bits twice`, one),
  ];
}

/**
 * Used pages hold 64 bytes in one lane only, another lane and other bytes than their neighbours; so a lane that is
 * left out, and answers that change places, both show.
 */
async function lanes(context: CaseContext, place: Place): Promise<void> {
  const { pageSize, random } = context;
  const perPage = pageSize / 64;
  const pages = 256;
  const guest = place.allocate(pages, pageSize);
  const { memory } = guest;
  const wanted = Array.from({ length: pages }, () => random(2));
  wanted.forEach((zero, page) => {
    if (zero === 1) return;
    const lane = (page * 7 + random(perPage)) % perPage;
    for (let i = 0; i < 64; i++) memory[page * pageSize + lane * 64 + i] = 1 + ((page + i + random(7)) % 255);
  });
  await withSubject(context, async (subject) => {
    const answers = await subject.detect(guest, pageOffsets(pages, pageSize));
    assertAnswers(answers, wanted, (page) => `page ${page}`);
  });
}

async function randomPages(context: CaseContext, place: Place): Promise<void> {
  const { pageSize, random } = context;
  const pages = 512;
  const guest = place.allocate(pages, pageSize);
  const { memory } = guest;
  // Most used pages are nearly empty: one byte, anywhere.
  const wanted = Array.from({ length: pages }, () => random(2));
  wanted.forEach((zero, page) => {
    if (zero === 1) return;
    const bytes = random(4) === 0 ? 1 + random(pageSize) : 1;
    for (let i = 0; i < bytes; i++) memory[page * pageSize + random(pageSize)] = 1 + random(255);
  });
  await withSubject(context, async (subject) => {
    const answers = await subject.detect(guest, pageOffsets(pages, pageSize));
    assertAnswers(answers, wanted, (page) => `page ${page}`);
  });
}
