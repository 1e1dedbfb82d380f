import { destinationPath } from './destination-path.js';
import { type BenchGuest, GUEST, PAGES, untouched, written } from './guests.js';
import type { Contender, Group } from './measure.js';
import { compare, free, sourcePath } from './source-path.js';
import { NullSocket, RecordingSocket } from './without-sockets.js';

/** Bytes that a ceiling handles at a time: a full packet's pages. */
const PIECE = 512 * 1024;

/** A result that nobody uses is not computed: so both look at what they got. */
function plainRead({ bytes }: BenchGuest): void {
  const words = new Int32Array(bytes.buffer);
  let all = 0;
  for (let i = 0; i < words.length; i++) all |= words[i];
  if (all !== 0) throw new Error('the memory is not zero');
}

function nativeRead({ bytes }: BenchGuest): void {
  for (let at = 0; at < GUEST; at += PIECE) {
    // Two views: Node knows that an array is equal to itself.
    const order = Buffer.compare(bytes.subarray(at, at + PIECE), bytes.subarray(at, at + PIECE));
    if (order !== 0) throw new Error('the memory changes');
  }
}

function copy(from: BenchGuest, to: BenchGuest): void {
  for (let at = 0; at < GUEST; at += PIECE) to.bytes.set(from.bytes.subarray(at, at + PIECE), at);
}

export async function paths(): Promise<Group[]> {
  const guests = { zero: written(1), half: written(0.5), used: written(0), target: written(0) };
  return [
    { name: 'source path', contenders: await sourceContenders(guests) },
    { name: 'destination path', contenders: await destinationContenders(guests) },
  ];
}

type Guests = Record<'zero' | 'half' | 'used' | 'target', BenchGuest>;

async function sourceContenders({ zero, half, used }: Guests): Promise<Contender[]> {
  const cold = untouched();
  const cases = [
    { name: 'all zero, written once', guest: zero, accelerator: compare },
    { name: 'all zero, untouched', guest: cold, accelerator: compare },
    { name: 'half zero', guest: half, accelerator: compare },
    { name: 'none zero', guest: used, accelerator: compare },
    { name: 'none zero, not checked (detection none)', guest: used, accelerator: undefined },
    { name: 'all zero, check that costs nothing', guest: zero, accelerator: free },
  ];
  const contenders: Contender[] = [];
  for (const { name, guest, accelerator } of cases) {
    const run = await sourcePath(guest, accelerator, () => new NullSocket());
    contenders.push({ name, pages: PAGES, prepare: () => guest.dirty(), run });
  }
  return [
    ...contenders,
    { name: 'ceiling: plain read, Int32Array OR', pages: PAGES, run: () => plainRead(zero) },
    { name: 'ceiling: native read, memory against itself', pages: PAGES, run: () => nativeRead(zero) },
  ];
}

async function record(guest: BenchGuest): Promise<readonly Uint8Array[]> {
  const socket = new RecordingSocket((bytes) => bytes.buffer === guest.bytes.buffer);
  guest.dirty();
  await (await sourcePath(guest, compare, () => socket))();
  return socket.vectors;
}

async function destinationContenders({ zero, half, used, target }: Guests): Promise<Contender[]> {
  const recordings = { zero: await record(zero), half: await record(half), used: await record(used) };
  const cold = untouched();
  let fresh = cold;
  return [
    {
      name: 'all zero, fresh memory (not touched)',
      pages: PAGES,
      run: await destinationPath(cold, recordings.zero, true),
    },
    {
      name: 'all zero, used memory (cleared)',
      pages: PAGES,
      run: await destinationPath(target, recordings.zero, false),
    },
    {
      name: 'half zero, used memory',
      pages: PAGES,
      run: await destinationPath(target, recordings.half, false),
    },
    {
      name: 'none zero, used memory',
      pages: PAGES,
      run: await destinationPath(target, recordings.used, false),
    },
    {
      name: 'none zero, fresh memory (first touch)',
      pages: PAGES,
      prepare: () => {
        fresh = untouched();
      },
      run: async () => (await destinationPath(fresh, recordings.used, true))(),
    },
    { name: 'ceiling: plain copy, used memory', pages: PAGES, run: () => copy(used, target) },
    {
      name: 'ceiling: plain copy, fresh memory',
      pages: PAGES,
      prepare: () => {
        fresh = untouched();
      },
      run: () => copy(used, fresh),
    },
  ];
}
