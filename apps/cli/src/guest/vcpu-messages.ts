import type { GuestRamDescriptor } from '@multifd/core';
import type { VcpuState } from './vcpu-state.js';

/** What the vCPU's thread is started with. */
export interface VcpuSetup {
  readonly ram: GuestRamDescriptor;
  readonly state: VcpuState;
  /** One Int32: percent of the time that the vCPU stands still (`auto-converge`), 0 to 99. */
  readonly throttle: SharedArrayBuffer;
}

/** To the thread. */
export type VcpuCommand = 'run' | 'stop';

/** From the thread. */
export interface VcpuAnswer {
  /** `ready` once after the start; `stopped` for each stop, after the last page was marked. */
  readonly type: 'ready' | 'stopped';
  readonly counter: number;
}
