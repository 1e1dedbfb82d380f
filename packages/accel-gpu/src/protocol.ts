/**
 * What the threads that check and the thread that has the device say to each other, over one line (a `MessagePort`)
 * for each detector. Every request is answered once, in any order.
 */

/** `best`: whichever measured faster on this device. */
export type KernelChoice = 'best' | 'wgsl' | 'gpujs';
export type KernelName = Exclude<KernelChoice, 'best'>;

/** Whether the device may be a graphics card only, or software that stands in for one only. */
export type AdapterKind = 'hardware' | 'software';

export type Request = { readonly id: number } & (
  | { readonly type: 'describe'; readonly kernel: KernelChoice }
  | CheckRequest
  /** How fast the kernel is over memory that is on the device already. */
  | { readonly type: 'resident'; readonly kernel: KernelChoice; readonly passes: number }
);

export interface CheckRequest {
  readonly type: 'check';
  readonly kernel: KernelChoice;
  /** Bytes, a power of two from 4096 to 65536. */
  readonly pageSize: number;
  /**
   * Shared memory, which is read while the request is open, and only then. The buffer and no view of it: a view of more
   * than 4 GiB arrives shortened.
   */
  readonly memory: SharedArrayBuffer;
  /** Pages one behind the other: pairs of byte offset in `memory` and number of pages, at most `SLOT_BYTES` in all. */
  readonly runs: Float64Array;
}

export type Answer = { readonly id: number } & (
  | { readonly type: 'described'; readonly description: Description }
  /** It cannot run here. */
  | { readonly type: 'refused'; readonly reason: string; readonly fix: string }
  /** Bit `i % 32` of word `i / 32` says that page `i` of the request is not zero. */
  | { readonly type: 'checked'; readonly used: Uint32Array<ArrayBuffer> }
  | { readonly type: 'measured'; readonly bytesPerSecond: number }
  | { readonly type: 'failed'; readonly reason: string }
);

/** What runs, and on what. */
export interface Description {
  readonly kernel: KernelName;
  /** As its driver calls it. */
  readonly device: string;
  readonly adapter: AdapterKind;
  /** What `best` chose by, bytes a second with the way there and back; empty if one was asked for by name. */
  readonly measured: readonly { readonly kernel: KernelName; readonly bytesPerSecond: number }[];
  /** Kernels that cannot run, with the reason. */
  readonly missing: readonly { readonly kernel: KernelName; readonly reason: string }[];
}

/** To the serving thread itself. */
import type { MessagePort } from 'node:worker_threads';

export type ToServingThread =
  | { readonly type: 'connect'; readonly port: MessagePort }
  /** The process ends: finish what was begun, call the driver no more, and say so in `ServingData.rest`. */
  | { readonly type: 'rest' };

/** From the serving thread itself: its device is gone, and it is of no more use. */
export interface Lost {
  readonly type: 'lost';
  readonly reason: string;
}

/** What the serving thread is started with. */
export interface ServingData {
  readonly adapter: AdapterKind;
  /** For rehearsals: the device is given up with this many checks begun. Undefined: never. */
  readonly loseAfter: number | undefined;
  /** One Int32, shared: 1 once the thread rests for good. */
  readonly rest: SharedArrayBuffer;
}

/**
 * Bytes of guest memory that one request has at most, and a piece of device memory of that size for each of a few
 * requests. Under lavapipe 16, 32 and 64 MiB are equally fast; a card on PCIe 4 has 32 MiB in about 1.5 ms, many times
 * what it takes to start a batch.
 */
export const SLOT_BYTES = 32 * 2 ** 20;
