import type { Guest } from '@multifd/core';
import type { Backing } from '../options/backing.js';
import type { Processor } from './processor.js';

/** A guest that is ready to migrate, and what the report wants to know of it. */
export interface PreparedGuest {
  readonly guest: Guest;
  /** The guest begins to run, if it is one that runs. Call it right before the migration. */
  run(): Promise<void>;
  /** Undefined: it has none that runs. */
  readonly processor?: Processor;
  /** CPU time in ms that the guest itself used, which is no work of the migration. */
  cpuTime(): Promise<number>;
  /** What it does now, for the report. */
  describe(): GuestReport;
  /** Where its memory lives, if it was made here. */
  readonly backing?: Backing;
  /** Bytes that the operating system holds for its memory; undefined if it cannot be asked. */
  allocatedBytes(): number | undefined;
  /** Bytes of it in huge pages; undefined if it cannot be asked. */
  hugeBytes(): number | undefined;
  /** Frees its threads. Its memory stays readable as long as it is referenced. */
  close(): Promise<void>;
}

/** The `guest` member of the JSON document. */
export interface GuestReport {
  /**
   * `at rest`: it has no vCPU. `runs`: here. `stopped`: it has left. `ran on`: at the destination, after the
   * switchover.
   */
  readonly state: 'at rest' | 'runs' | 'stopped' | 'ran on';
  /** The vCPU's number of writes: when it began (to run, or to run on), and when it was stopped. */
  readonly from?: number;
  readonly to?: number;
  /** How its writes were seen. `marks`: it marks them itself. */
  readonly tracker?: {
    readonly name: string;
    readonly refused: readonly { readonly name: string; readonly reason: string }[];
  };
}

export const AT_REST: GuestReport = { state: 'at rest' };
