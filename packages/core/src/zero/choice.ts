import type { AcceleratorReference, Probe } from './accelerator.js';
import type { AcceleratorDevice } from './device.js';
import type { Settings, SettingValues } from './settings.js';

/** A candidate that was not chosen, and why. Reports show it. */
export interface RefusedAccelerator {
  readonly name: string;
  readonly reason: string;
  readonly fix: string;
}

export interface AcceleratorChoice {
  readonly accelerator: AcceleratorReference;
  /** The kind of guest memory that it checks in place (`AcceleratorCapabilities.memory`); absent: any. */
  readonly memory?: 'wasm';
  /** `detail` of its probe: what runs, on what. */
  readonly detail: string;
  /** What the caller asked for: `auto`, a name, or a module. */
  readonly requested: string;
  readonly refused: readonly RefusedAccelerator[];
  /**
   * For `auto`: replacements if the accelerator fails during the run, best first. Empty if it was asked for by name.
   */
  readonly fallbacks: readonly AcceleratorReference[];
  /** What `auto` measured just now, fastest first; absent if there was only one candidate, or without `auto`. */
  readonly measured?: readonly MeasuredAccelerator[];
}

export interface MeasuredAccelerator {
  readonly name: string;
  /** Rate over guest memory, three quarters zero, all populated, for one thread; for a shared device its share. */
  readonly bytesPerSecond: number;
}

export interface ChooseOptions {
  /** Number of threads that will check at the same time: a shared device's rate divides among them. Default 1. */
  readonly threads?: number;
  /** What the accelerator is told; not with `auto`. Default: its defaults. */
  readonly settings?: SettingValues | undefined;
}

/** An accelerator of a known module, with the result of its `probe`. `reference` has the settings it was probed with. */
export interface ProbedAccelerator {
  readonly reference: AcceleratorReference;
  readonly probe: Probe;
  /** Whether `auto` may choose it. */
  readonly automatic: boolean;
  /** The kind of guest memory that it checks in place (`AcceleratorCapabilities.memory`); undefined: any. */
  readonly memory: 'wasm' | undefined;
  /** What it can be told. */
  readonly settings: Settings;
  /** The contract's version that it was written for. */
  readonly specVersion: 1 | 2;
  /** Its devices, usable or not; absent if it does not say. */
  readonly devices?: readonly AcceleratorDevice[];
}
