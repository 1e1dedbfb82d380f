import { allocateGuestRam, type Guest } from '@multifd/core';
import { DEMO_PAGE_SIZE, type DemoSource } from '../options/sources.js';
import { fillGuest } from './fill.js';
import { AT_REST, type GuestReport, type PreparedGuest } from './prepared-guest.js';
import { Vcpu } from './vcpu.js';
import { encodeVcpuState } from './vcpu-state.js';

/** As a PC has it: the RAM, and tables that firmware reads, which are a small block of their own. */
const TABLES = { name: '/rom@etc/acpi/tables', length: 128 * 1024 };

export interface Identity {
  readonly machineType?: string;
  readonly uuid?: Uint8Array;
}

/**
 * Makes a guest with memory as `source` wants it, and with a running vCPU if it has a dirty rate.
 * @throws MultifdError `io` (not enough memory), `cancelled`.
 */
export async function demoGuest(
  source: DemoSource,
  identity: Identity,
  signal: AbortSignal,
): Promise<PreparedGuest> {
  const ram = allocateGuestRam([{ name: 'pc.ram', length: source.size }, TABLES], DEMO_PAGE_SIZE);
  await fillGuest(ram, source, signal);
  if (source.dirty > 0) return runningGuest({ ...identity, ram }, source);
  // Without dirty bitmaps the engine knows that nobody writes.
  return restingGuest({ ...identity, ram: { pageSize: ram.pageSize, blocks: ram.blocks } });
}

/** A guest whose memory nobody writes to. */
export function restingGuest(guest: Guest): PreparedGuest {
  return {
    guest,
    run: () => {},
    cpuTime: async () => 0,
    describe: () => AT_REST,
    close: async () => {},
  };
}

async function runningGuest(guest: Guest, source: DemoSource): Promise<PreparedGuest> {
  const vcpu = await Vcpu.start(guest.ram, { seed: source.seed, counter: 0, rate: source.dirty });
  let state: GuestReport['state'] = 'stopped';
  const run = () => {
    vcpu.run();
    state = 'runs';
  };
  return {
    guest: {
      ...guest,
      async stop() {
        await vcpu.stop();
        state = 'stopped';
      },
      resume: run,
      deviceState: () => [encodeVcpuState(vcpu.state)],
    },
    run,
    cpuTime: () => vcpu.cpuTime(),
    describe: () => (state === 'runs' ? { state } : { state, from: 0, to: vcpu.state.counter }),
    close: () => vcpu.close(),
  };
}
