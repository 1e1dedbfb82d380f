import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import {
  type AllocatedGuestRam,
  allocateGuestRam,
  type Guest,
  openRamBlock,
  type ReceiveResult,
} from '@multifd/core';

const PAGE = 4096;
const [WISH, PAUSED, WRITES] = [0, 1, 2];

/** A guest that writes to its memory while it migrates. */
export class RunningGuest {
  readonly guest: Guest;
  readonly #ram: AllocatedGuestRam;
  readonly #words: Int32Array;
  readonly #vcpu: Worker;

  private constructor(ram: AllocatedGuestRam, words: Int32Array, vcpu: Worker) {
    this.#ram = ram;
    this.#words = words;
    this.#vcpu = vcpu;
    this.guest = { ram, stop: () => this.#pause(), resume: () => this.#resume() };
  }

  /** All of its pages were written to; half of them with zeros. @param length bytes. */
  static async start(length: number, seed: number): Promise<RunningGuest> {
    const ram = allocateGuestRam([{ name: 'pc.ram', length }], PAGE);
    const [descriptor] = ram.blocks;
    if (descriptor === undefined) throw new Error('no block');
    const block = await openRamBlock(descriptor);
    const page = new Uint8Array(PAGE);
    for (let at = 0; at < length; at += PAGE) {
      const [number, byte] = [at / PAGE, at / 64];
      block.write(at, page.fill(number % 2 === 0 ? 0 : 1 + (byte % 255)));
    }
    const words = new Int32Array(new SharedArrayBuffer(16));
    const workerData = { blocks: ram.blocks, dirty: ram.dirty, seed, words };
    const vcpu = new Worker(new URL('../fixtures/writer.mjs', import.meta.url), { workerData });
    await once(vcpu, 'message');
    return new RunningGuest(ram, words, vcpu);
  }

  /** Pages that it has written so far. */
  writes(): number {
    return Atomics.load(this.#words, WRITES);
  }

  /** Pages that are not the same where it has arrived. */
  async differences(arrived: ReceiveResult['ram']): Promise<number[]> {
    const [ours, theirs] = [this.#ram.blocks[0], arrived.blocks[0]];
    if (ours === undefined || theirs === undefined) throw new Error('no block');
    const [here, there] = [await openRamBlock(ours), await openRamBlock(theirs)];
    const nothing = new Uint8Array(0);
    const pages = Array.from({ length: here.length / PAGE }, (_, page) => page * PAGE);
    return pages.filter(
      (at) => Buffer.compare(here.read(at, PAGE, nothing), there.read(at, PAGE, nothing)) !== 0,
    );
  }

  async end(): Promise<void> {
    const exit = once(this.#vcpu, 'exit');
    Atomics.store(this.#words, WISH, 2);
    Atomics.notify(this.#words, WISH);
    await exit;
  }

  /** The guest is in the middle of nothing when it returns. */
  #pause(): void {
    Atomics.store(this.#words, WISH, 1);
    Atomics.notify(this.#words, WISH);
    while (Atomics.load(this.#words, PAUSED) === 0) Atomics.wait(this.#words, 3, 0, 1);
  }

  #resume(): void {
    Atomics.store(this.#words, WISH, 0);
    Atomics.notify(this.#words, WISH);
  }
}
