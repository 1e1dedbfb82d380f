import type { AcceleratorReference, Probe } from './accelerator.js';

/** A candidate that is not used, and why: kept and shown, never thrown away. */
export interface RefusedAccelerator {
  readonly name: string;
  readonly reason: string;
  readonly fix: string;
}

export interface AcceleratorChoice {
  readonly accelerator: AcceleratorReference;
  /** The kind of guest memory that it checks in place (`AcceleratorCapabilities.memory`); absent: any. */
  readonly memory?: 'wasm';
  /** What the accelerator said of itself: what runs, on what. */
  readonly detail: string;
  /** What was asked for: `auto`, a name, or a module. */
  readonly requested: string;
  readonly refused: readonly RefusedAccelerator[];
  /** Of `auto`: who goes on if the accelerator fails in the middle, next best first. Empty if it was asked for. */
  readonly fallbacks: readonly AcceleratorReference[];
  /** What `auto` measured here just now, fastest first; absent if it had no choice, or was not asked. */
  readonly measured?: readonly MeasuredAccelerator[];
}

export interface MeasuredAccelerator {
  readonly name: string;
  /** Of guest memory, three quarters zero, all of it populated, for one thread; a shared device's part of it. */
  readonly bytesPerSecond: number;
}

export interface ChooseOptions {
  /** Threads that will check at the same time: a device that they share does a part of its work for each. Default 1. */
  readonly threads?: number;
}

/** An accelerator of a known module, with its answer to `probe`. */
export interface ProbedAccelerator {
  readonly reference: AcceleratorReference;
  readonly probe: Probe;
  /** Whether `auto` may take it. */
  readonly automatic: boolean;
  /** The kind of guest memory that it checks in place (`AcceleratorCapabilities.memory`); undefined: any. */
  readonly memory: 'wasm' | undefined;
}
