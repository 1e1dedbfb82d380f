import { type CaseContext, definePageCases } from '../case.js';
import { assertAnswers, pageOffsets, sharedPages } from '../memory.js';
import { withSubject } from '../subject.js';

/** One bit at either end of a byte, and all of them. */
const VALUES = [0x01, 0x80, 0xff];

/** Most bytes that a case lays out at once. */
const MOST = 16 * 2 ** 20;

export const contentCases = [
  ...definePageCases('all zero', (context) =>
    withSubject(context, async (subject) => {
      const memory = sharedPages(66, context.pageSize);
      const answers = await subject.detect(memory, pageOffsets(66, context.pageSize));
      assertAnswers(answers, Array<number>(66).fill(1), (page) => `page ${page}`);
    }),
  ),
  ...definePageCases('one non-zero byte (0x01, 0x80, 0xff) at every offset', oneByteAnywhere),
  ...definePageCases('bit patterns that numbers take for zero or nothing: -0, NaN, denormals', numbers),
  ...definePageCases('different content in every lane and page', lanes, { random: true }),
  ...definePageCases('random memory', randomPages, { random: true }),
];

/** Page `i` of a batch has its byte where nobody else has; zero pages between them see to strays. */
async function oneByteAnywhere(context: CaseContext): Promise<void> {
  const { pageSize } = context;
  const places = VALUES.flatMap((value) => bytesToTry(pageSize).map((at) => ({ at, value })));
  const pages = MOST / pageSize;
  const memory = sharedPages(pages, pageSize);
  const offsets = pageOffsets(pages, pageSize);
  await withSubject(context, async (subject) => {
    for (let first = 0; first < places.length; first += pages / 2) {
      const now = places.slice(first, first + pages / 2);
      now.forEach(({ at, value }, i) => {
        memory[2 * i * pageSize + at] = value;
      });
      const wanted = offsets.map((_, page) => (page % 2 === 0 && page / 2 < now.length ? 0 : 1));
      assertAnswers(await subject.detect(memory, offsets), wanted, (page) => {
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

async function numbers(context: CaseContext): Promise<void> {
  const { pageSize } = context;
  const writers: { what: string; write: (data: DataView, at: number, little: boolean) => void }[] = [
    { what: '-0 (float64)', write: (data, at, little) => data.setFloat64(at, -0, little) },
    { what: '-0 (float32)', write: (data, at, little) => data.setFloat32(at, -0, little) },
    { what: '-0 (float16)', write: (data, at, little) => data.setUint16(at, 0x8000, little) },
    { what: 'NaN (float64)', write: (data, at, little) => data.setFloat64(at, Number.NaN, little) },
    { what: 'NaN (float32)', write: (data, at, little) => data.setFloat32(at, Number.NaN, little) },
    {
      what: 'denormal (float64)',
      write: (data, at, little) => data.setFloat64(at, Number.MIN_VALUE, little),
    },
    { what: 'denormal (float32)', write: (data, at, little) => data.setUint32(at, 1, little) },
    { what: 'denormal (float16)', write: (data, at, little) => data.setUint16(at, 1, little) },
    { what: 'two halves that cancel out', write: (data, at) => data.setUint32(at, 0x00ff_ff01) },
    {
      what: '256 times the same',
      write: (data, at) => new Uint8Array(data.buffer, data.byteOffset + at - (at % 256), 256).fill(1),
    },
  ];
  const places = [0, 8, 56, 2040, pageSize - 8];
  const cases = writers.flatMap(({ what, write }) =>
    places.flatMap((at) => [true, false].map((little) => ({ what: `${what} at ${at}`, write, at, little }))),
  );
  const memory = sharedPages(cases.length + 1, pageSize);
  cases.forEach(({ write, at, little }, page) => {
    write(new DataView(memory.buffer, page * pageSize, pageSize), at, little);
  });
  await withSubject(context, async (subject) => {
    const answers = await subject.detect(memory, pageOffsets(cases.length + 1, pageSize));
    const wanted = [...cases.map(() => 0), 1];
    assertAnswers(answers, wanted, (page) => cases[page]?.what ?? 'the zero page behind them');
  });
}

/**
 * Used pages hold 64 bytes in one lane only, another lane and other bytes than their neighbours; so a lane that is
 * left out, and answers that change places, both show.
 */
async function lanes(context: CaseContext): Promise<void> {
  const { pageSize, random } = context;
  const perPage = pageSize / 64;
  const pages = 256;
  const memory = sharedPages(pages, pageSize);
  const wanted = Array.from({ length: pages }, () => random(2));
  wanted.forEach((zero, page) => {
    if (zero === 1) return;
    const lane = (page * 7 + random(perPage)) % perPage;
    for (let i = 0; i < 64; i++) memory[page * pageSize + lane * 64 + i] = 1 + ((page + i + random(7)) % 255);
  });
  await withSubject(context, async (subject) => {
    const answers = await subject.detect(memory, pageOffsets(pages, pageSize));
    assertAnswers(answers, wanted, (page) => `page ${page}`);
  });
}

async function randomPages(context: CaseContext): Promise<void> {
  const { pageSize, random } = context;
  const pages = 512;
  const memory = sharedPages(pages, pageSize);
  // Most used pages are nearly empty: one byte, anywhere.
  const wanted = Array.from({ length: pages }, () => random(2));
  wanted.forEach((zero, page) => {
    if (zero === 1) return;
    const bytes = random(4) === 0 ? 1 + random(pageSize) : 1;
    for (let i = 0; i < bytes; i++) memory[page * pageSize + random(pageSize)] = 1 + random(255);
  });
  await withSubject(context, async (subject) => {
    const answers = await subject.detect(memory, pageOffsets(pages, pageSize));
    assertAnswers(answers, wanted, (page) => `page ${page}`);
  });
}
