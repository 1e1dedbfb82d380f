import { readFileSync, writeFileSync } from 'node:fs';
import {
  allocateGuestRam,
  DirtyBitmap,
  type Guest,
  type GuestRamDescriptor,
  type MemoryBlockDescriptor,
  openRamBlockSync,
  type RamBlock,
} from '@multifd/core';
import { createRandom } from '@multifd/testing/random';

const PAGE = 4096;
/** Pages written in a burst, and ms between two bursts: gentle, so that a busy machine has its rounds in time. */
const BURST = 10;
const PAUSE = 2;

/**
 * A guest of which one block is memory here that somebody writes to, in this thread, until it is stopped: while channel
 * threads compress it.
 */
export class BusyRam {
  readonly guest: Pick<Guest, 'ram' | 'stop' | 'resume'>;
  readonly #block: RamBlock;
  readonly #dirty: DirtyBitmap;
  readonly #random: ReturnType<typeof createRandom>;
  readonly #first: number;
  #timer: NodeJS.Timeout | undefined;
  #writes = 0;

  /**
   * @param ram of a guest that stands still.
   * @param index of the block that is to be busy; `path` holds what is in it.
   * @param first page that is written to, and all behind it.
   */
  constructor(ram: GuestRamDescriptor, index: number, path: string, first: number, seed: number) {
    const memory = copyOf(ram, index, path);
    const blocks = ram.blocks.with(index, memory);
    const dirty = blocks.map(({ length }) => DirtyBitmap.allocate(length / PAGE));
    this.#block = openRamBlockSync(memory);
    this.#dirty = dirty[index] ?? DirtyBitmap.allocate(0);
    this.#random = createRandom(seed);
    this.#first = first;
    this.guest = {
      ram: { ...ram, blocks, dirty: dirty.map(({ buffer }) => buffer) },
      stop: () => this.#stop(),
      resume: () => this.#run(),
    };
    this.#run();
  }

  /** Pages written so far, with repeats. */
  get writes(): number {
    return this.#writes;
  }

  /** Puts what is in the block now into a file. */
  save(path: string): void {
    const bytes = new Uint8Array(this.#block.length);
    for (let offset = 0; offset < bytes.length; offset += PAGE) {
      bytes.set(this.#block.read(offset, PAGE, new Uint8Array(PAGE)), offset);
    }
    writeFileSync(path, bytes);
  }

  [Symbol.dispose](): void {
    this.#stop();
  }

  #run(): void {
    this.#timer = setInterval(() => this.#write(), PAUSE);
  }

  #stop(): void {
    clearInterval(this.#timer);
  }

  /** Written first, marked afterwards. Pages of one byte, of noise, and of zeros. */
  #write(): void {
    const pages = this.#block.length / PAGE;
    for (let count = 0; count < BURST; count++) {
      const page = this.#first + this.#random.int(pages - this.#first);
      const kind = this.#random.int(3);
      const fill = kind === 0 ? 0 : 1 + this.#random.int(255);
      this.#block.write(page * PAGE, kind === 1 ? this.#random.bytes(PAGE) : new Uint8Array(PAGE).fill(fill));
      this.#dirty.mark(page);
      this.#writes++;
    }
  }
}

function copyOf(ram: GuestRamDescriptor, index: number, path: string): MemoryBlockDescriptor {
  const { name = '', length = 0 } = ram.blocks[index] ?? {};
  const [memory] = allocateGuestRam([{ name, length }], PAGE).blocks;
  if (memory === undefined) throw new Error('no block');
  openRamBlockSync(memory).write(0, readFileSync(path));
  return memory;
}
