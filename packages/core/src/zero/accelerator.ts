/**
 * The contract for code that answers "is this page all zero?".
 *
 * An accelerator only classifies. Core alone reorders pages and fills packets, so the choice of accelerator never
 * changes a byte on the wire. A wrong "zero" loses guest memory; a wrong "not zero" costs bandwidth.
 *
 * A module that provides accelerators exports them as `accelerators: readonly Accelerator[]`. Core resolves its
 * module specifier once and imports it in each worker thread with channels.
 */

import type { MessagePort } from 'node:worker_threads';
import type { Detector, DetectorOptions } from './detector.js';
import type { AcceleratorDevice } from './device.js';
import type { Settings, SettingValues, ValuesOf } from './settings.js';
import type { AcceleratorV1 } from './version1.js';

/** Version of this contract; an accelerator states it as its `specVersion`. Modules of version 1 work as they are. */
export const ACCELERATOR_SPEC_VERSION = 2;

/** `Accelerator<typeof settings>` has each setting's value with its type. */
export interface Accelerator<S extends Settings = Settings> {
  readonly specVersion: 2;
  /**
   * Short, lower case, unique within its module: `js`, `avx512`; a variant follows a colon: `gpu:software`. Reports
   * use it.
   */
  readonly name: string;
  readonly capabilities: AcceleratorCapabilities;
  /** What it can be told. Core refuses all else before it opens anything. */
  readonly settings?: S;
  /** The devices that it can use, or could. Does not throw for missing hardware. Cheap (milliseconds). */
  list?(): readonly AcceleratorDevice[] | Promise<readonly AcceleratorDevice[]>;
  /** Whether it can run here. Does not throw for missing hardware: answers with the reason. Cheap (milliseconds). */
  probe(settings: ValuesOf<S>): Probe | Promise<Probe>;
  /**
   * Opens one detector, for one channel; its thread may have several. Called only after a successful `probe`.
   * @throws anything: the run stops and names this accelerator; the source guest is intact.
   */
  open(options: DetectorOptions<S>): Detector | Promise<Detector>;
  /**
   * For a device that all threads share: called once for each run, in the thread that starts the others, before any
   * of them calls `open`. Without it each detector opens its own device.
   * @throws anything: the run stops, as with `open`.
   */
  share?(settings: ValuesOf<S>): SharedDevice | Promise<SharedDevice>;
  /**
   * For a device with its own memory: measures how fast it checks pages already in that memory, in bytes a second,
   * over `passes` passes. Benchmarks use it to find the cost of the transfer. Called only after a successful `probe`.
   */
  residentRate?(passes: number, settings: ValuesOf<S>): number | Promise<number>;
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

/**
 * What a module that provides accelerators exports. docs/writing-an-accelerator.md has a template, and
 * docs/writing-a-native-accelerator.md one in Rust.
 */
export interface AcceleratorModule {
  readonly accelerators: readonly (Accelerator | AcceleratorV1)[];
}

/** Names the accelerator that checks for zero pages: chosen by `AcceleratorRegistry.choose`, or given directly. */
export interface AcceleratorReference {
  /** Module that exports `accelerators`, as a URL that any thread can import. */
  readonly module: string;
  /** The accelerator's `name` within that module. */
  readonly name: string;
  /** What it is told; checked before anything is opened. Default: its defaults. */
  readonly settings?: SettingValues;
  /** NUMA node of the guest's memory, if it is known: `DetectorOptions.numaNode`. */
  readonly numaNode?: number;
  /**
   * False if it is known to share no device: the thread that starts the others then does not import its module.
   * Default: that thread imports the module to find out.
   */
  readonly shares?: false;
}
