/**
 * The contract for code that answers "is this page all zero?".
 *
 * An accelerator only classifies. Core alone reorders pages and fills packets, so the choice of accelerator never
 * changes a byte on the wire. A wrong "zero" loses guest memory; a wrong "not zero" costs bandwidth.
 *
 * A module that provides accelerators exports them as `accelerators: readonly Accelerator[]`. Core resolves its
 * module specifier once and imports it in each channel's worker thread.
 */

import type { MessagePort } from 'node:worker_threads';
import type { SharedWasmMemory } from '../ram/shared-wasm-memory.js';

/** Version of this contract; an accelerator states it as its `specVersion`. */
export const ACCELERATOR_SPEC_VERSION = 1;

export interface Accelerator {
  readonly specVersion: 1;
  /**
   * Short, lower case, unique within its module: `js`, `avx512`; a variant follows a colon: `gpu:software`. Reports
   * use it.
   */
  readonly name: string;
  readonly capabilities: AcceleratorCapabilities;
  /** Whether it can run here. Does not throw for missing hardware: answers with the reason. Cheap (milliseconds). */
  probe(): Probe | Promise<Probe>;
  /**
   * Opens one detector, for one thread. Called only after a successful `probe`.
   * @throws anything: the run stops and names this accelerator; the source guest is intact.
   */
  open(options: DetectorOptions): Detector | Promise<Detector>;
  /**
   * For a device that all threads share: called once for each run, in the thread that starts the others, before any
   * of them calls `open`. Without it each detector opens its own device.
   * @throws anything: the run stops, as with `open`.
   */
  share?(): SharedDevice | Promise<SharedDevice>;
  /**
   * For a device with its own memory: measures how fast it checks pages already in that memory, in bytes a second,
   * over `passes` passes. Benchmarks use it to find the cost of the transfer. Called only after a successful `probe`.
   */
  residentRate?(passes: number): number | Promise<number>;
}

/** A device that the detectors of several threads share. It lives in the thread that called `share`. */
export interface SharedDevice {
  /** Creates a port to it for one more thread. Core transfers it to that thread and passes it to `open` there. */
  connect(): MessagePort;
  /** Closes the device; no thread uses it any more. May be called twice. */
  close(): void | Promise<void>;
}

export interface AcceleratorCapabilities {
  /** Page sizes that it can check, in bytes: every power of two from `min` to `max`. */
  readonly pageSize: { readonly min: number; readonly max: number };
  /** Preferred batch size in pages, at least 1. Core may pass fewer, never more. */
  readonly preferredBatch: number;
  /**
   * Batches that a detector takes at a time, 1 to 64; default 1. With 2 or more, core calls `detect` again before an
   * earlier call is answered, and gathers pages from several ranges to fill batches of the preferred size.
   */
  readonly inFlight?: number;
  /**
   * Whether `auto` may choose it; default true. False for one that users must ask for by name: an alias of another
   * accelerator, or a device that seldom wins.
   */
  readonly automatic?: boolean;
  /**
   * The one kind of guest memory that it checks in place; any other costs it a copy. `wasm` is WebAssembly memory
   * (`PageBatch.wasmMemory`). A program that allocates the guest's memory should allocate that kind. Default: any
   * kind.
   */
  readonly memory?: 'wasm';
}

export type Probe =
  | { readonly ok: true /** What would run and on what, one line. */; readonly detail: string }
  | { readonly ok: false; readonly reason: string /** What would make it work. */; readonly fix: string };

export interface DetectorOptions {
  /** Target page size in bytes. */
  readonly pageSize: number;
  /**
   * The port to the shared device, for this thread alone; the detector closes it. Absent if the caller has not called
   * `share`: a benchmark, a test.
   */
  readonly line?: MessagePort;
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

export interface Detector {
  /**
   * Writes 1 (all bytes of the page are zero) or 0 to `isZero[i]` for each `i` below `batch.count`. At most
   * `inFlight` calls at a time. All answers are written when it returns or its promise resolves. If it throws or
   * rejects, it must have stopped using the buffers: core may pass them to another accelerator.
   */
  detect(batch: PageBatch, isZero: Uint8Array): void | Promise<void>;
  /** Frees its resources; rejects calls still in flight. May be called twice. */
  close(): void | Promise<void>;
}

/** What a module that provides accelerators exports. */
export interface AcceleratorModule {
  readonly accelerators: readonly Accelerator[];
}

/** Names the accelerator that checks for zero pages: chosen by `AcceleratorRegistry.choose`, or given directly. */
export interface AcceleratorReference {
  /** Module that exports `accelerators`, as a URL that any thread can import. */
  readonly module: string;
  /** The accelerator's `name` within that module. */
  readonly name: string;
  /**
   * False if it is known to share no device: the thread that starts the others then does not import its module.
   * Default: that thread imports the module to find out.
   */
  readonly shares?: false;
}
