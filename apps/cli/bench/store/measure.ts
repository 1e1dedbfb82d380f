/** All contenders in turns: a first snapshot, a later one of the changed guest, and that one back into a QEMU. */
import { mkdirSync, rmSync } from 'node:fs';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import type { QemuProcess } from '../../src/bench/qemu-process.ts';
import { quiet } from '../../src/bench/quiet.ts';
import type { Contender } from './contenders.ts';
import { comparePages, emptyQemu, qemuWith } from './guest-qemu.ts';
import { type Plan, type RestGuest, somePages, touchedBy } from './guests.ts';
import { changedOf, contentOf, writeImage } from './image.ts';
import { type Cost, OPERATIONS, type Operation, rotated, type Sample } from './samples.ts';
import { dropFromCache, onDisk, syncAll, warm } from './system.ts';

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

/** @param onSample is told each sample as it is taken. @throws whatever went wrong; the signal's reason. */
export async function measurePlan(
  { guest, runs }: Plan,
  contenders: readonly Contender[],
  setting: Setting,
  onSample: (turn: Turn, sample: Sample) => void,
): Promise<void> {
  const { folder } = setting;
  const images = { first: join(folder, 'first.raw'), later: join(folder, 'later.raw') };
  writeImage(images.first, guest, 'first');
  writeImage(images.later, guest, 'later');
  const where = (each: Contender) => join(folder, `c${contenders.indexOf(each)}`);
  for (let round = 0; round < runs; round++) {
    for (const each of contenders) mkdirSync(where(each));
    for (const operation of OPERATIONS) {
      for (const each of rotated(contenders, round)) {
        const sample = await takeTurn(operation, each, where(each), guest, images, setting);
        onSample({ guest, operation, contender: each.name }, sample);
      }
    }
    for (const each of contenders) rmSync(where(each), { recursive: true });
  }
  for (const image of Object.values(images)) rmSync(image);
}

async function takeTurn(
  operation: Operation,
  contender: Contender,
  place: string,
  guest: RestGuest,
  images: Readonly<Record<'first' | 'later', string>>,
  { binary, folder, signal }: Setting,
): Promise<Sample> {
  const isRestore = operation === 'restore';
  const qemu: QemuProcess = isRestore
    ? await emptyQemu(binary, guest, folder, signal)
    : await qemuWith(images[operation], binary, guest, folder, signal);
  try {
    const before = onDisk(place);
    await syncAll(signal);
    if (isRestore) await dropFromCache(place, signal);
    const others = await quiet(signal);
    const load = Math.round((loadavg()[0] ?? 0) * 100) / 100;
    const warmUp = () => warm(touchedBy(guest), signal);
    const cost: Cost = isRestore
      ? await contender.restore(qemu, place, 'later', warmUp, signal)
      : await contender.snapshot(qemu, place, operation, warmUp, signal);
    if (isRestore) await comparePages(qemu, images.later, guest, comparedOf(guest), folder);
    return { ...cost, disk: isRestore ? null : onDisk(place) - before, others, load };
  } finally {
    await qemu.end();
  }
}

/** Pages that changed between the snapshots, and pages that did not. */
function comparedOf(guest: RestGuest): number[] {
  const unchanged = contentOf(guest).map(({ first }) => first);
  return [...somePages(changedOf(guest), COMPARED / 2), ...somePages(unchanged, COMPARED / 2)];
}
