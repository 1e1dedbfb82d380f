import { type GuestRamDescriptor, MultifdError } from '@multifd/core';
import { type DecodedDevice, decodeDevices } from '@multifd/qemu';
import { openFileRam } from '../convert/file-ram.js';
import { openRawRam } from '../convert/raw-ram.js';
import type { RestingRam } from '../convert/resting-ram.js';
import { openStoreRam } from '../convert/store-ram.js';
import { loadHoleSeeker } from '../images/seek.js';
import { parseConvertSource } from '../options/convert-source.js';
import { bar } from '../report/progress.js';
import type { Terminal } from '../report/terminal.js';
import { compareDevices, type DevicesDiff } from './compare-devices.js';
import { type BlockDiff, compareRam } from './compare-ram.js';

/** What differs between two guests at rest. */
export interface GuestDiff {
  /** Bytes. */
  readonly pageSize: number;
  readonly machineTypes: readonly [string, string];
  readonly blocks: readonly BlockDiff[];
  /** Names of blocks that only one has. */
  readonly onlyBefore: readonly string[];
  readonly onlyNow: readonly string[];
  /** Undefined if the devices of one of them are not known. */
  readonly devices: DevicesDiff | undefined;
}

/** @throws MultifdError */
export async function diffGuests(
  before: string,
  now: string,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<GuestDiff> {
  loadHoleSeeker();
  const first = await open(before, terminal, signal);
  try {
    const second = await open(now, terminal, signal);
    try {
      const diff = await compare(first, second, signal, (share) =>
        terminal.progress(`${bar(share)} compared`),
      );
      await first.check();
      await second.check();
      return diff;
    } finally {
      await second.close();
    }
  } finally {
    await first.close();
  }
}

async function open(text: string, terminal: Terminal, signal: AbortSignal): Promise<RestingRam> {
  const source = parseConvertSource(text);
  const note = (line: string): void => terminal.note(line);
  if (source.kind === 'store') return openStoreRam(source, note, signal);
  // Its machine type is of no interest where nobody has noted it.
  return source.kind === 'raw' ? openRawRam(source.path, undefined, note, '?') : openFileRam(source.path);
}

async function compare(
  before: RestingRam,
  now: RestingRam,
  signal: AbortSignal,
  progress: (share: number) => void,
): Promise<GuestDiff> {
  const [a, b] = [ramOf(before), ramOf(now)];
  if (a.pageSize !== b.pageSize) {
    throw new MultifdError('usage', `pages of ${a.pageSize} and of ${b.pageSize} bytes cannot be compared`);
  }
  const names = [a, b].map(({ blocks }) => blocks.map(({ name }) => name));
  const [old = [], young = []] = names;
  const devices = [devicesOf(before), devicesOf(now)] as const;
  return {
    pageSize: a.pageSize,
    machineTypes: [before.machineType, now.machineType],
    blocks: await compareRam(a, b, signal, progress),
    onlyBefore: old.filter((name) => !young.includes(name)),
    onlyNow: young.filter((name) => !old.includes(name)),
    devices:
      devices[0] === undefined || devices[1] === undefined
        ? undefined
        : compareDevices(devices[0], devices[1]),
  };
}

function ramOf({ ram, place }: RestingRam): GuestRamDescriptor {
  if (ram !== undefined) return ram;
  throw new MultifdError('usage', `${place}: a single stream, whose pages have no place of their own`, {
    hint: 'compare files with mapped-ram, images (raw:DIR), or snapshots of a store',
  });
}

function devicesOf({ deviceState, rawDeviceState }: RestingRam): DecodedDevice[] | undefined {
  if (deviceState === undefined || rawDeviceState.vmdesc === undefined) return undefined;
  return decodeDevices(deviceState, rawDeviceState.vmdesc);
}
