import { setTimeout as delay } from 'node:timers/promises';
import { type GuestRamDescriptor, withDirtyBitmaps } from '@multifd/core';
import type { GuestReport } from './prepared-guest.js';
import { Vcpu } from './vcpu.js';
import type { VcpuState } from './vcpu-state.js';

/** ms. The first write is due at once, whatever the rate. */
const HOW_LONG = 50;

/** A demo guest that has arrived runs on here for a moment, from the state that came with it. */
export async function runOn(ram: GuestRamDescriptor, state: VcpuState): Promise<GuestReport> {
  const vcpu = await Vcpu.start(withDirtyBitmaps(ram), state);
  try {
    vcpu.run();
    await delay(HOW_LONG);
    await vcpu.stop();
    return { state: 'ran on', from: state.counter, to: vcpu.state.counter };
  } finally {
    await vcpu.close();
  }
}
