/** All contenders in turns: a first snapshot, a later one of the changed guest, and that one back into a QEMU. */
import { mkdirSync, rmSync } from 'node:fs';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import type { QemuProcess } from '../../src/bench/qemu-process.ts';
import { quiet } from '../../src/bench/quiet.ts';
import type { Contender } from './contenders.ts';
import { comparePages, emptyQemu, qemuWith, takeBack } from './guest-qemu.ts';
import { type Plan, type RestGuest, somePages, touchedBy } from './guests.ts';
import { changedOf, contentOf, writeImage } from './image.ts';
import { type Cost, OPERATIONS, type Operation, rotated, type Sample } from './samples.ts';
import { dropFromCache, onDisk, warm } from './system.ts';

/** Pages that are compared after each restore. */
const COMPARED = 64;

export interface Setting {
  readonly binary: string;
  /** Of this run: on the disk that is measured. */
  readonly folder: string;
  readonly signal: AbortSignal;
}

export interface Turn {
  readonly guest: RestGuest;
  readonly operation: Operation;
  readonly contender: string;
}

type Images = Readonly<Record<'first' | 'later', string>>;

/**
 * Round by round, of each guest in turn: so whoever ends it early has some of each.
 * @param done rounds of a guest that need not be measured. @param onSample is told each sample as it is taken. @throws whatever went wrong; the signal's reason.
 */
export async function measurePlans(
  plans: readonly Plan[],
  contenders: readonly Contender[],
  setting: Setting,
  done: (guest: RestGuest) => number,
  onSample: (turn: Turn, sample: Sample) => void,
): Promise<void> {
  const all = plans.map((plan, index) => ({
    ...plan,
    images: writeImages(plan.guest, `g${index}`, setting),
  }));
  const rounds = Math.max(0, ...plans.map(({ runs }) => runs));
  for (let round = 0; round < rounds; round++) {
    for (const { guest, runs, images } of all) {
      if (round >= done(guest) && round < runs)
        await measureRound(guest, images, round, contenders, setting, onSample);
    }
  }
}

function writeImages(guest: RestGuest, name: string, { folder }: Setting): Images {
  const path = (when: string) => join(folder, `${name}-${when}.raw`);
  const images = { first: path('first'), later: path('later') };
  writeImage(images.first, guest, 'first');
  writeImage(images.later, guest, 'later');
  return images;
}

async function measureRound(
  guest: RestGuest,
  images: Images,
  round: number,
  contenders: readonly Contender[],
  setting: Setting,
  onSample: (turn: Turn, sample: Sample) => void,
): Promise<void> {
  const { binary, folder, signal } = setting;
  const where = (each: Contender) => join(folder, `c${contenders.indexOf(each)}`);
  for (const each of contenders) mkdirSync(where(each));
  for (const operation of OPERATIONS) {
    const isRestore = operation === 'restore';
    let qemu: QemuProcess | undefined;
    try {
      for (const each of rotated(contenders, round)) {
        // One QEMU holds the guest for all who keep it; who brings it back gets an empty one.
        if (isRestore) await qemu?.end();
        if (isRestore) qemu = await emptyQemu(binary, guest, folder, signal);
        else if (qemu === undefined) qemu = await qemuWith(images[operation], binary, guest, folder, signal);
        else await takeBack(qemu);
        const sample = await takeTurn(qemu, operation, each, where(each), guest, images, setting);
        onSample({ guest, operation, contender: each.name }, sample);
      }
    } finally {
      await qemu?.end();
    }
  }
  for (const each of contenders) rmSync(where(each), { recursive: true });
}

async function takeTurn(
  qemu: QemuProcess,
  operation: Operation,
  contender: Contender,
  place: string,
  guest: RestGuest,
  images: Images,
  { folder, signal }: Setting,
): Promise<Sample> {
  const isRestore = operation === 'restore';
  const before = onDisk(place);
  if (isRestore) await dropFromCache(place, signal);
  const others = await quiet(signal);
  const load = Math.round((loadavg()[0] ?? 0) * 100) / 100;
  const warmUp = () => warm(touchedBy(guest, isRestore), signal);
  const cost: Cost = isRestore
    ? await contender.restore(qemu, place, 'later', warmUp, signal)
    : await contender.snapshot(qemu, place, operation, warmUp, signal);
  if (isRestore) await comparePages(qemu, images.later, guest, comparedOf(guest), folder);
  return { ...cost, disk: isRestore ? null : onDisk(place) - before, others, load };
}

/** Pages that changed between the snapshots, and pages that did not. */
function comparedOf(guest: RestGuest): number[] {
  const unchanged = contentOf(guest).map(({ first }) => first);
  return [...somePages(changedOf(guest), COMPARED / 2), ...somePages(unchanged, COMPARED / 2)];
}
