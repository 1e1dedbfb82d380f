import assert from 'node:assert/strict';
import type { AttachedBlock } from '@multifd/core/accelerator';
import { type CaseContext, defineCase } from '../case.js';
import { assertAnswers, type GuestMemory, pageOffsets, sharedPages, wasmPages } from '../memory.js';
import { Subject } from '../subject.js';

/** Pages of each piece of announced memory. */
const PAGES = 16;

export const attachedCases = [
  defineCase('guest memory that is announced, and memory that is not', announced, { random: true }),
  defineCase('announced memory that is withdrawn may be announced again, and by others', again),
  defineCase('closed with memory announced and calls in flight: it is withdrawn too', closedInFlight),
];

interface Guest {
  readonly blocks: readonly AttachedBlock[];
  /** All that the blocks consist of. */
  readonly pieces: readonly GuestMemory[];
}

/** As core announces a guest: a block of two pieces, a mapping, and a file, whose pages come as copies. */
function makeGuest(pageSize: number): Guest {
  const ram = [wasmPages(PAGES, pageSize), wasmPages(PAGES, pageSize)];
  const rom = { memory: sharedPages(PAGES, pageSize) };
  const length = PAGES * pageSize;
  const blocks: AttachedBlock[] = [
    { name: 'pc.ram', length: 2 * length, kind: 'memory', backing: 'anonymous', pieces: ram.map(viewOf) },
    { name: 'pc.rom', length, kind: 'host', backing: 'memfd', pieces: [viewOf(rom)] },
    { name: 'disk', length, kind: 'file', pieces: [] },
  ];
  return { blocks, pieces: [...ram, rom] };
}

function viewOf({ memory: { buffer, byteOffset, length } }: GuestMemory): Uint8Array<SharedArrayBuffer> {
  assert.ok(buffer instanceof SharedArrayBuffer);
  return new Uint8Array(buffer, byteOffset, length);
}

async function announced(context: CaseContext): Promise<void> {
  const { pageSize, random } = context;
  const { blocks, pieces } = makeGuest(pageSize);
  const offsets = pageOffsets(PAGES, pageSize);
  const others = [{ memory: sharedPages(PAGES, pageSize) }, { memory: new Uint8Array(PAGES * pageSize) }];
  const subject = await Subject.open(context);
  await subject.attach(blocks);
  for (let round = 0; round < 4; round++) {
    for (const [index, place] of [...pieces, ...others].entries()) {
      const wanted = offsets.map(() => random(2));
      place.memory.fill(0);
      wanted.forEach((zero, page) => {
        if (zero === 0) place.memory[page * pageSize + random(pageSize)] = 1 + random(255);
      });
      const before = place.memory.slice();
      const what = index < pieces.length ? 'announced' : 'other';
      const answers = await subject.detect(place, offsets);
      assertAnswers(answers, wanted, (page) => `${what} memory ${index}, page ${page}`);
      assert.equal(Buffer.compare(before, place.memory), 0, `${what} memory ${index} was written to`);
    }
  }
  await subject.detach();
  await subject.close();
  await subject.close();
}

/** Core's detectors have the same memory at the same time, one in each thread; and a next migration has it again. */
async function again(context: CaseContext): Promise<void> {
  const guest = makeGuest(context.pageSize);
  const [first, second] = [await Subject.open(context), await Subject.open(context)];
  await first.attach(guest.blocks);
  await second.attach(guest.blocks);
  await useOnce(first, guest, 1);
  await first.detach();
  await first.close();
  // What the one withdraws, the other still has.
  await useOnce(second, guest, 2);
  await second.detach();
  await second.close();
  const third = await Subject.open(context);
  await third.attach(guest.blocks);
  await useOnce(third, guest, 3);
  await third.detach();
  await third.close();
}

async function closedInFlight(context: CaseContext): Promise<void> {
  const guest = makeGuest(context.pageSize);
  for (let round = 1; round <= 3; round++) {
    const subject = await Subject.open(context);
    await subject.attach(guest.blocks);
    // Answered or rejected, as `close` finds it.
    const asked = useOnce(subject, guest, round).catch(() => {});
    await subject.close();
    await asked;
  }
  const last = await Subject.open(context);
  await last.attach(guest.blocks);
  await useOnce(last, guest, 4);
  await last.detach();
  await last.close();
}

/** In each piece another page is used, whose answer shows where was looked. */
async function useOnce(subject: Subject, { pieces }: Guest, round: number): Promise<void> {
  const { pageSize } = subject;
  for (const [index, place] of pieces.entries()) {
    const used = (3 * index + round) % PAGES;
    place.memory.fill(0);
    place.memory[used * pageSize + round] = 1;
    assertAnswers(
      await subject.detect(place, pageOffsets(PAGES, pageSize)),
      Array.from({ length: PAGES }, (_, page) => (page === used ? 0 : 1)),
      (page) => `announced memory ${index}, page ${page}`,
    );
  }
}
