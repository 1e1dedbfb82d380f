import type { GuestRamDescriptor } from '@multifd/core/ram';

/** Words of `control`. */
export const MODE = 0;
/** 1: it stands still. */
export const STOOD = 1;

/** Values of `MODE`. */
export const RUN = 1;
export const STAND = 2;
export const END = 3;

/** What a vCPU's thread gets. */
export interface VcpuSetup {
  /** With dirty bitmaps if it is to mark what it writes. */
  readonly ram: GuestRamDescriptor;
  readonly control: Int32Array;
  /** Pages that it writes each millisecond. */
  readonly burst: number;
}
