import { lstatSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { MultifdError, openRamBlock } from '@multifd/core';
import {
  collectGarbage,
  DiskObjects,
  diffSnapshots,
  Lease,
  mirrorSnapshot,
  openSnapshot,
  Store,
  verifyStore,
} from '@multifd/store';
import { faultOf } from '../rules.ts';
import type { StoreScenario } from '../store-scenario.ts';
import type { Ending } from './receive.ts';
import { changesOf, makeStore, printsOf, type StorePlace } from './store-folder.ts';

/** Nobody else is at work: who waits for a gc waits for the lease of a hostile one. */
const NO_PATIENCE = { wait: 0, every: 1 };

export type Guest = StoreScenario['guests'][number];

/** All that reads a store, and gc: each ends with an error of ours, or with what is right. */
export async function intoStore(parent: string, scenario: StoreScenario): Promise<Ending> {
  const base = mkdtempSync(join(parent, 'store-'));
  try {
    return await play(makeStore(base, scenario.folder), scenario);
  } finally {
    rmSync(base, { recursive: true, force: true });
  }
}

async function play(place: StorePlace, { guests }: StoreScenario): Promise<Ending> {
  const { store: directory, outside } = place;
  const objects = new DiskObjects(directory);
  const beside = printsOf(outside);
  const before = printsOf(directory);
  const faults: string[] = [];
  const ends: string[] = [];
  const attempt = async <T>(name: string, what: () => Promise<T>): Promise<T | undefined> => {
    try {
      const value = await what();
      ends.push(`${name}: done`);
      return value;
    } catch (error) {
      const fault = faultOf(error);
      if (fault !== undefined) faults.push(`${name}: ${fault}`);
      ends.push(`${name}: ${MultifdError.is(error) ? error.code : 'thrown'}`);
      return undefined;
    }
  };
  // A name means the same bytes as before only if its snapshot does.
  const whole = guests.filter((guest) => isWhole(directory, guest));
  await attempt('use', async () => (await Lease.use(objects, 'a test', undefined, NO_PATIENCE)).release());
  const verified = await attempt('verify', async () => verifyStore(await Store.open(objects)));
  await attempt('ls', async () => {
    const store = await Store.open(objects);
    for (const name of await store.names()) await attempt('show', () => store.snapshot(name));
  });
  for (const guest of guests) {
    const ram = await attempt('read', () => readGuest(objects, guest.name));
    if (!whole.includes(guest)) continue;
    if (ram !== undefined && !isSameRam(ram, guest)) faults.push(`${guest.name}: read with other bytes`);
    const isBroken = verified?.broken.includes(guest.name);
    if (isBroken !== undefined && isBroken === (ram !== undefined))
      faults.push(`${guest.name}: verify says ${isBroken ? 'broken' : 'whole'}, and it is not`);
  }
  await attempt('diff', () => diff(objects));
  await attempt('mirror', () => mirror(objects, `${outside}-mirror`));
  faults.push(...changesOfStore(before, printsOf(directory)).map((line) => `reading: ${line}`));
  const collected = await attempt('gc', async () => collectGarbage(await Store.open(objects)));
  const kept = collected === undefined ? undefined : whole;
  faults.push(...changesOfStore(before, printsOf(directory), kept).map((line) => `gc: ${line}`));
  faults.push(...changesOf(beside, printsOf(outside)).map((line) => `outside of the store: ${line}`));
  return { end: endOf(ends), faults };
}

/** For the count: how each of them ended, in few words. */
function endOf(ends: readonly string[]): string {
  const refused = ends.filter((end) => !end.endsWith(': done'));
  return refused.length === 0
    ? 'nothing is refused'
    : `${refused.some((end) => end.startsWith('read')) ? 'not ' : ''}read, gc ${ends.at(-1)?.slice(4)}`;
}

/**
 * What has changed in a store, and must not: leases come and go, and nothing else may.
 * @param kept after a gc that has removed what none of these snapshots needs.
 */
export function changesOfStore(
  before: ReadonlyMap<string, string>,
  after: ReadonlyMap<string, string>,
  kept?: readonly Guest[],
): readonly string[] {
  const needed = new Set(kept?.flatMap(({ packs }) => packs));
  const isGarbage = (path: string): boolean =>
    kept !== undefined && (path.startsWith('partial/') || (path.startsWith('packs/') && !needed.has(path)));
  const mayGo = (path: string): boolean => path.startsWith('leases/') || isGarbage(path);
  return changesOf(before, after, mayGo, (path) => path === 'leases' || path === 'partial');
}

/** Whether a snapshot is as it was: then its name means the same bytes, or none. */
export function isWhole(directory: string, { name, bytes }: Guest): boolean {
  const path = join(directory, 'snapshots', name);
  try {
    const stats = lstatSync(path);
    // A FIFO would wait for its writer, and 2 GiB take memory.
    const isAlike = stats.isFile() && stats.size === bytes.length;
    return isAlike && Buffer.compare(readFileSync(path), bytes) === 0;
  } catch {
    return false;
  }
}

async function readGuest(objects: DiskObjects, name: string): Promise<readonly Uint8Array[]> {
  const guest = openSnapshot(objects, name);
  try {
    const blocks: Uint8Array[] = [];
    for (const descriptor of guest.ram.blocks) {
      const block = await openRamBlock(descriptor);
      try {
        // What is larger than any of ours is no one's RAM: a look at both ends of it.
        const length = Math.min(block.length, 2 ** 20);
        const bytes = Uint8Array.from(block.read(0, length, new Uint8Array(length)));
        block.read(block.length - length, length, new Uint8Array(length));
        for (let at = 0, turns = 0; at < block.length && turns < 1000; turns++)
          at += Math.abs(block.absent(at, block.length - at));
        blocks.push(bytes);
      } finally {
        block.close();
      }
    }
    return blocks;
  } finally {
    guest.close();
  }
}

function isSameRam(ram: readonly Uint8Array[], { blocks }: Guest): boolean {
  return (
    ram.length === blocks.length &&
    blocks.every((block, at) => Buffer.compare(block, ram[at] ?? new Uint8Array(0)) === 0)
  );
}

async function diff(objects: DiskObjects): Promise<void> {
  const a = openSnapshot(objects, 'a');
  try {
    const b = openSnapshot(objects, 'b');
    try {
      await diffSnapshots(a, b, new AbortController().signal);
    } finally {
      b.close();
    }
  } finally {
    a.close();
  }
}

/** What comes from elsewhere comes like this. */
async function mirror(objects: DiskObjects, to: string): Promise<void> {
  await mirrorSnapshot(await Store.open(objects), 'a', new DiskObjects(to, objects.what));
}
