import type { KernelName } from '../protocol.js';

/** Pages on their way to the device. */
export interface Upload {
  readonly pageSize: number;
  /** Pages in all, at least 1; `count * pageSize` is at most `SLOT_BYTES`. */
  readonly count: number;
  /** Shared memory that the pages lie in. */
  readonly memory: Uint8Array;
  /** Pairs of byte offset in `memory` and number of pages. */
  readonly runs: Float64Array;
}

/** A zero check that runs on the device. It belongs to the thread that opened it. */
export interface GpuKernel {
  readonly name: KernelName;
  /** Batches that it has at work at a time, at most; more wait their turn. */
  readonly slots: number;
  /**
   * Reads the pages before it returns control; the promise is for the answers: a bit for each page that is used.
   * @throws Error if the device was lost, or the answer has no proof that the device looked at every page.
   */
  check(upload: Upload): Promise<Uint32Array<ArrayBuffer>>;
  /**
   * Looks `passes` times at `SLOT_BYTES` bytes that are on the device, zeros, and waits for the last answer.
   * @returns bytes a second.
   */
  resident(passes: number): Promise<number>;
  close(): void;
}
