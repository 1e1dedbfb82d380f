import { DirtyBitmap, type Guest, type GuestRamDescriptor } from '@multifd/core';
import type { HostChoice } from '../host/choose-host.js';
import { allocateGuestMemory, type GuestMemory } from '../host/guest-memory.js';
import type { Backing } from '../options/backing.js';
import { DEMO_PAGE_SIZE, type DemoSource } from '../options/sources.js';
import { fillGuest } from './fill.js';
import { AT_REST, type PreparedGuest } from './prepared-guest.js';
import { Processor } from './processor.js';
import { chooseTracking } from './tracking.js';
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
 * @param backing undefined: what the host does best.
 * @throws MultifdError `host-unavailable`, `io` (not enough memory), `cancelled`.
 */
export async function demoGuest(
  source: DemoSource,
  backing: Backing | undefined,
  host: HostChoice,
  identity: Identity,
  signal: AbortSignal,
): Promise<PreparedGuest> {
  const blocks = [{ name: 'pc.ram', length: source.size }, TABLES];
  const memory = allocateGuestMemory(blocks, backing, host, DEMO_PAGE_SIZE);
  try {
    const ram = { pageSize: DEMO_PAGE_SIZE, blocks: memory.blocks };
    await fillGuest(ram, source, signal);
    // Without dirty bitmaps the engine knows that nobody writes.
    const guest =
      source.dirty > 0 ? await runningGuest(identity, ram, source) : restingGuest({ ...identity, ram });
    return withMemory(guest, memory);
  } catch (error) {
    memory.close();
    throw error;
  }
}

function withMemory(guest: PreparedGuest, memory: GuestMemory): PreparedGuest {
  return {
    ...guest,
    backing: memory.backing,
    allocatedBytes: () => memory.allocatedBytes(),
    hugeBytes: () => memory.hugeBytes(),
    async close() {
      await guest.close();
      memory.close();
    },
  };
}

/** A guest whose memory nobody writes to. */
export function restingGuest(guest: Guest): PreparedGuest {
  return {
    guest,
    run: async () => {},
    cpuTime: async () => 0,
    describe: () => AT_REST,
    allocatedBytes: () => undefined,
    hugeBytes: () => undefined,
    close: async () => {},
  };
}

async function runningGuest(
  identity: Identity,
  ram: GuestRamDescriptor,
  source: DemoSource,
): Promise<PreparedGuest> {
  const dirty = ram.blocks.map(({ length }) => DirtyBitmap.allocate(length / ram.pageSize));
  const bitmaps = dirty.map(({ buffer }) => buffer);
  const { name, tracker, refused } = chooseTracking(source.tracker, ram);
  // A first look may report all that was ever written, which the first round sends anyway.
  tracker?.sync(dirty);
  const seen = tracker === undefined ? { ...ram, dirty: bitmaps } : ram;
  const vcpu = await Vcpu.start(seen, { seed: source.seed, counter: 0, rate: source.dirty, runs: true });
  const processor = new Processor(
    () => vcpu.run(),
    () => vcpu.stop(),
  );
  return {
    guest: {
      ...identity,
      // A tracker may have to see what is read.
      ram: { ...ram, blocks: tracker?.blocks ?? ram.blocks, dirty: bitmaps },
      syncDirty: () => tracker?.sync(dirty),
      stop: () => processor.hold('migration'),
      resume: () => processor.release('migration'),
      throttle: (percent) => vcpu.throttle(percent),
      deviceState: () => [encodeVcpuState({ ...vcpu.state, runs: !processor.isHeldBy('operator') })],
    },
    run: () => processor.release('start'),
    processor,
    cpuTime: () => vcpu.cpuTime(),
    describe: () => ({
      ...(processor.runs
        ? { state: 'runs' as const }
        : { state: 'stopped' as const, from: 0, to: vcpu.state.counter }),
      tracker: { name, refused },
    }),
    allocatedBytes: () => undefined,
    hugeBytes: () => undefined,
    async close() {
      await vcpu.close();
      tracker?.close();
    },
  };
}
