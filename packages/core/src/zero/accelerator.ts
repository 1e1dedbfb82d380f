/**
 * The contract for whatever answers "is this page all zero?".
 *
 * An accelerator only classifies. Core alone reorders pages and fills packets, so the choice of accelerator
 * never changes a byte on the wire. A wrong "zero" loses guest memory; a wrong "not zero" costs bandwidth.
 *
 * A module that provides accelerators exports them as `accelerators: readonly Accelerator[]`. It is named by
 * its module specifier, resolved once, and imported in each channel's worker thread.
 */

import type { MessagePort } from 'node:worker_threads';
import type { SharedWasmMemory } from '../ram/shared-wasm-memory.js';

/** Version of this contract that an accelerator was written for. */
export const ACCELERATOR_SPEC_VERSION = 1;

export interface Accelerator {
  readonly specVersion: 1;
  /**
   * Short, lower case, unique within its module: `js`, `avx512`; a variant of it behind a colon: `gpu:software`. It is
   * what reports name.
   */
  readonly name: string;
  readonly capabilities: AcceleratorCapabilities;
  /** Can it run here? Never throws for missing hardware: it answers with the reason. Cheap (milliseconds). */
  probe(): Probe | Promise<Probe>;
  /**
   * Opens one detector, for one thread. Called only after a `probe` that said yes.
   * @throws anything: the run stops, names this accelerator, and the source guest is intact.
   */
  open(options: DetectorOptions): Detector | Promise<Detector>;
  /**
   * For a device of which there should be one, and not one for each thread: called once for each run, in the thread
   * that starts the others, before any of them calls `open`. Without it each detector sees to itself.
   * @throws anything: the run stops, as with `open`.
   */
  share?(): SharedDevice | Promise<SharedDevice>;
  /**
   * For a device with memory of its own: how fast it checks pages that are there already, in bytes a second, over
   * `passes` passes. A benchmark tells by it what the way to the device costs. Called only after a `probe` that said yes.
   */
  residentRate?(passes: number): number | Promise<number>;
}

/** A device that the detectors of several threads use together. It lives in the thread that called `share`. */
export interface SharedDevice {
  /** A line to it for one more thread: given away with that thread, and handed to `open` there. */
  connect(): MessagePort;
  /** No thread uses it any more. May be called twice. */
  close(): void | Promise<void>;
}

export interface AcceleratorCapabilities {
  /** Page sizes in bytes that it can check: every power of two from `min` to `max`. */
  readonly pageSize: { readonly min: number; readonly max: number };
  /** Pages a batch that it likes best, at least 1. Core may hand over fewer, never more. */
  readonly preferredBatch: number;
  /**
   * Batches that a detector takes at a time, 1 to 64; default 1. With 2 or more, core calls `detect` again before the
   * earlier call is answered, and gathers pages from further away, so that each batch is as large as it likes.
   */
  readonly inFlight?: number;
  /**
   * Whether `auto` may take it; default true. False for one that is to be asked for by name: another name for what
   * is listed beside it, or a device that does not win often enough.
   */
  readonly automatic?: boolean;
  /**
   * The one kind of guest memory that it checks in place, where any other costs it a copy: `wasm` is WebAssembly memory
   * (`PageBatch.wasmMemory`). A program that makes the guest's memory itself then makes that kind. Default: any kind.
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
   * The line to what `share` gave, for this thread alone; the detector closes it. Absent where nobody has shared
   * anything: a benchmark, a test.
   */
  readonly line?: MessagePort;
}

/** Pages to check. Owned by core; the detector may read it until its answer is there, and never writes to it. */
export interface PageBatch {
  /**
   * Memory that holds the pages, shared or not, of any length. The guest may be writing to it: any answer is
   * then right for that page, since it is dirty and comes again.
   */
  readonly memory: Uint8Array;
  /**
   * Byte offset of each page in `memory`, in any order, each with a whole page behind it. Addresses need not be
   * aligned to anything: guest memory starts at a page of the host, a copy from a file anywhere.
   */
  readonly offsets: Float64Array;
  /** How many of `offsets` count: 0 to `preferredBatch`. */
  readonly count: number;
  /**
   * The WebAssembly memory that `memory` is a view into, where it is one: a check in WebAssembly can import it and
   * look at the pages in place. Everybody else goes by `memory` alone.
   */
  readonly wasmMemory?: SharedWasmMemory;
}

export interface Detector {
  /**
   * Writes 1 (all bytes of the page are zero) or 0 to `isZero[i]` for each `i` below `batch.count`.
   * At most `inFlight` calls at a time; when it returns, or when its promise is fulfilled, all answers are there.
   * One that throws or rejects gives the buffers back as well: somebody else may be asked then.
   */
  detect(batch: PageBatch, isZero: Uint8Array): void | Promise<void>;
  /** Frees what it holds; calls that are still in flight are rejected. May be called twice. */
  close(): void | Promise<void>;
}

/** What a module that provides accelerators exports. */
export interface AcceleratorModule {
  readonly accelerators: readonly Accelerator[];
}

/** Which accelerator checks for zero pages: chosen by `chooseAccelerator`, or named directly. */
export interface AcceleratorReference {
  /** Module that exports `accelerators`, as a URL that any thread can import. */
  readonly module: string;
  /** The accelerator's `name` within that module. */
  readonly name: string;
  /**
   * False if it is known to share no device: then the thread that starts the others leaves its module alone. Default:
   * the module is imported there, and looked at.
   */
  readonly shares?: false;
}
