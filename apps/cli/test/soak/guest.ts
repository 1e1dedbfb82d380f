import { once } from 'node:events';
import { closeSync, ftruncateSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import {
  allocateGuestRam,
  DirtyBitmap,
  type Guest,
  type IncomingBlock,
  type RamBlockDescriptor,
} from '@multifd/core';
import { chooseTracker, type MappedRam, mapRam, type WriteTracker } from '@multifd/host-linux';
import type { Backing, Tracker } from './plan.ts';
import { END, MODE, RUN, STAND, STOOD, type VcpuSetup } from './vcpu-setup.ts';

const PAGE_SIZE = 4096;
/** ms that a vCPU may take to stand still. */
const PATIENCE = 30_000;

/** A guest's memory, which its owner closes. */
export interface Memory {
  readonly blocks: readonly RamBlockDescriptor[];
  close(): void;
}

/** @param folder for files, which have no name once they are mapped. */
export function allocate(blocks: readonly IncomingBlock[], backing: Backing, folder: string): Memory {
  if (backing === 'wasm') return { blocks: allocateGuestRam(blocks).blocks, close: () => {} };
  const mapped: MappedRam[] = blocks.map(({ name, length }) =>
    backing === 'file' ? inFile(name, length, folder) : mapRam({ name, length, kind: backing }),
  );
  return {
    blocks: mapped.map(({ descriptor }) => descriptor),
    close: () => {
      for (const each of mapped) each.close();
    },
  };
}

function inFile(name: string, length: number, folder: string): MappedRam {
  const directory = mkdtempSync(join(folder, 'ram-'));
  const file = join(directory, 'ram');
  try {
    const fd = openSync(file, 'wx');
    ftruncateSync(fd, length);
    closeSync(fd);
    return mapRam({ name, length, kind: 'file', file });
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** A guest that runs in its memory, and can migrate from there. */
export class RunningGuest {
  readonly #vcpu: Worker;
  readonly #control: Int32Array;
  readonly #tracker: WriteTracker | undefined;
  readonly guest: Guest;

  private constructor(
    vcpu: Worker,
    control: Int32Array,
    tracker: WriteTracker | undefined,
    blocks: readonly RamBlockDescriptor[],
    dirty: readonly DirtyBitmap[],
  ) {
    this.#vcpu = vcpu;
    this.#control = control;
    this.#tracker = tracker;
    this.guest = {
      ram: {
        pageSize: PAGE_SIZE,
        blocks: tracker?.blocks ?? blocks,
        dirty: dirty.map(({ buffer }) => buffer),
      },
      syncDirty: () => tracker?.sync(dirty),
      stop: () => {
        this.#stand();
        tracker?.sync(dirty);
      },
      resume: () => this.#set(RUN),
    };
  }

  /** Starts its vCPU, which goes on from what is in memory. The memory stays the caller's. */
  static async start({ blocks }: Memory, kind: Tracker, burst: number): Promise<RunningGuest> {
    const dirty = blocks.map(({ length }) => DirtyBitmap.allocate(length / PAGE_SIZE));
    const control = new Int32Array(new SharedArrayBuffer(8));
    control[MODE] = STAND;
    const set = (mode: number): void => {
      Atomics.store(control, MODE, mode);
      Atomics.notify(control, MODE);
    };
    const tracker = kind === 'marks' ? undefined : track(blocks, kind, control, set);
    // What was written before is sent by the first round.
    tracker?.sync(dirty);
    const buffers = dirty.map(({ buffer }) => buffer);
    const ram = { pageSize: PAGE_SIZE, blocks, ...(kind === 'marks' ? { dirty: buffers } : {}) };
    const vcpu = new Worker(new URL('./vcpu.ts', import.meta.url), {
      workerData: { ram, control, burst } satisfies VcpuSetup,
    });
    const [said] = await once(vcpu, 'message');
    if (said !== 'ready') throw new Error('the guest found its memory torn');
    set(RUN);
    return new RunningGuest(vcpu, control, tracker, blocks, dirty);
  }

  /** Ends its vCPU, and what watches its memory. */
  async end(): Promise<void> {
    const gone = once(this.#vcpu, 'exit');
    this.#set(END);
    await gone;
    this.#tracker?.close();
  }

  #stand(): void {
    this.#set(STAND);
    waitForStand(this.#control);
  }

  #set(mode: number): void {
    Atomics.store(this.#control, MODE, mode);
    Atomics.notify(this.#control, MODE);
  }
}

function track(
  blocks: readonly RamBlockDescriptor[],
  kind: Exclude<Tracker, 'marks'>,
  control: Int32Array,
  set: (mode: number) => void,
): WriteTracker {
  let was = STAND;
  const pause = (): void => {
    was = Atomics.load(control, MODE);
    set(STAND);
    waitForStand(control);
  };
  const hosts = blocks.filter((block) => block.kind === 'host');
  const writers = { in: 'this-process', pause, resume: () => set(was) } as const;
  return chooseTracker({ blocks: hosts, pageSize: PAGE_SIZE, kind, writers }).tracker;
}

/** Blocks this thread: a vCPU needs a millisecond. */
function waitForStand(control: Int32Array): void {
  if (Atomics.wait(control, STOOD, 0, PATIENCE) === 'timed-out')
    throw new Error('the vCPU does not stand still');
}
