import type { MessagePort } from 'node:worker_threads';
import type { MemoryBacking } from '../ram/block.js';
import type { SharedWasmMemory } from '../ram/shared-wasm-memory.js';
import type { DetectorCounters } from '../thread/offloaded.js';
import type { Settings, ValuesOf } from './settings.js';

export interface DetectorOptions<S extends Settings = Settings> {
  /** Target page size in bytes. */
  readonly pageSize: number;
  /**
   * The port to the shared device, for this thread alone; the detector closes it. Absent if the caller has not called
   * `share`: a benchmark, a test.
   */
  readonly line?: MessagePort;
  /** What the user has set, checked and completed with the defaults. */
  readonly settings: ValuesOf<S>;
  /** Number of the channel whose thread this is, from 0. Absent: the thread of main, a benchmark, a test. */
  readonly channel?: number;
  /** NUMA node of the guest's memory, if the caller has said so (`AcceleratorReference.numaNode`). */
  readonly numaNode?: number;
}

/** Pages to check. Owned by core; the detector may read it until it has answered, and never writes to it. */
export interface PageBatch {
  /**
   * Memory that holds the pages, shared or not, of any length. The guest may be writing to a page: any answer is then
   * right for it, as the page is dirty and is checked again.
   */
  readonly memory: Uint8Array;
  /**
   * Byte offset of each page in `memory`, in any order; each page lies wholly in `memory`. Addresses may be
   * unaligned: guest memory starts on a host page, a copy from a file anywhere.
   */
  readonly offsets: Float64Array;
  /** Number of pages, the first of `offsets`: 0 to `preferredBatch`. */
  readonly count: number;
  /**
   * The WebAssembly memory that `memory` is a view into, if it is one: WebAssembly code can import it and check the
   * pages in place. Other accelerators ignore it.
   */
  readonly wasmMemory?: SharedWasmMemory;
}

/** A RAM block of the guest, as it is announced to a detector. */
export interface AttachedBlock {
  /** QEMU's name: `pc.ram`. */
  readonly name: string;
  /** Bytes. */
  readonly length: number;
  /**
   * What the block is. `memory`: shared memory that Node has allocated. `host`: a mapping that a host package made.
   * `file`: no memory, but a file that is read piece by piece.
   */
  readonly kind: 'memory' | 'host' | 'file';
  /** What lies behind the pieces. Absent: there are none, or it is not known. */
  readonly backing?: MemoryBacking;
  /**
   * All of its bytes, in order, as views into memory that batches lie in: addresses stay valid until `detach`, or until
   * `close` has resolved. Empty if batches get copies of its pages, in memory that is not announced: a file, or memory
   * with a tracker that compares it with what was sent.
   */
  readonly pieces: readonly Uint8Array<SharedArrayBuffer>[];
}

export interface Detector {
  /**
   * What this detector takes, now that its device is open; neither may be above what `capabilities` declares. Core
   * reads them once, after `open`. Default: as declared.
   */
  readonly preferredBatch?: number;
  readonly inFlight?: number;
  /**
   * Announces the guest's memory, so that it can be registered or pinned. Called at most once, before the first
   * `detect`, with all blocks. A detector must also check memory that was not announced: a relay and a file
   * have none to announce.
   * @throws anything: as with `open`.
   */
  attach?(blocks: readonly AttachedBlock[]): void | Promise<void>;
  /**
   * Withdraws what `attach` announced: before the memory is freed, with no call in flight, and before `close`. If calls
   * are still in flight (the migration was cancelled or has failed), core does not call it, and `close` withdraws the
   * memory too.
   */
  detach?(): void | Promise<void>;
  /**
   * Writes 1 (all bytes of the page are zero) or 0 to `isZero[i]` for each `i` below `batch.count`. At most
   * `inFlight` calls at a time. All answers are written when it returns or its promise resolves. If it throws or
   * rejects, it must have stopped using the buffers: core may pass them to another accelerator.
   */
  detect(batch: PageBatch, isZero: Uint8Array): void | Promise<void>;
  /**
   * What it has done so far, at once: core asks at every sync and before `close`. The pages of all answered batches are
   * `device` plus `cpuAfterFault`. Without it the report has no such numbers.
   */
  counters?(): DetectorCounters;
  /** Frees its resources; rejects calls still in flight. May be called twice. */
  close(): void | Promise<void>;
}
