import type { Accelerator, Probe } from '@multifd/core/accelerator';
import type { NativeBinding, NativeKernelState } from './binding.js';
import { loadBinding } from './load.js';

const PAGE_SIZE = { min: 4096, max: 65536 } as const;

/**
 * Pages a batch. A call costs some 100 ns, which is lost from 64 pages on; 1024 are all of a 4 MiB range, so that a
 * range is one call.
 */
const PREFERRED_BATCH = 1024;

/** One kernel, as an accelerator. */
export function kernelAccelerator(name: string): Accelerator {
  return {
    specVersion: 2,
    name,
    // The definition for the others. It is slower than every one of them, and than most of what is beside it.
    capabilities: { pageSize: PAGE_SIZE, preferredBatch: PREFERRED_BATCH, automatic: name !== 'scalar' },
    probe: () => probe((states) => states.find((each) => each.name === name), name),
    open: ({ pageSize }) => openDetector(name, pageSize),
  };
}

/** The widest kernel that this CPU can run. `auto` measures the kernels themselves. */
export const bestAccelerator: Accelerator = {
  specVersion: 2,
  name: 'native',
  capabilities: { pageSize: PAGE_SIZE, preferredBatch: PREFERRED_BATCH, automatic: false },
  probe: () => probe(widest, 'native'),
  open({ pageSize }) {
    const loaded = loadBinding();
    const best = 'binding' in loaded ? widest(loaded.binding.kernels()) : undefined;
    return openDetector(best?.name ?? 'scalar', pageSize);
  },
};

function widest(states: readonly NativeKernelState[]): NativeKernelState | undefined {
  return states.find(({ lacks }) => lacks === undefined);
}

function probe(
  pick: (states: readonly NativeKernelState[]) => NativeKernelState | undefined,
  wanted: string,
): Probe {
  const loaded = loadBinding();
  if (!('binding' in loaded)) return { ok: false, reason: loaded.reason, fix: loaded.fix };
  const state = pick(loaded.binding.kernels());
  if (state === undefined)
    return { ok: false, reason: `no kernel ${wanted} in this build`, fix: 'build it again' };
  if (state.lacks === undefined)
    return { ok: true, detail: `kernel ${state.name}, machine code for ${process.arch}` };
  const { lacks, what = '' } = state;
  return {
    ok: false,
    reason:
      lacks === 'architecture' ? `it is for ${what}, this is ${process.arch}` : `this CPU has no ${what}`,
    fix: `run it on a machine with ${lacks === 'architecture' ? `an ${what} CPU` : what}, or ask for native: the widest that is here`,
  };
}

function openDetector(name: string, pageSize: number) {
  const binding = requireBinding();
  const powerOfTwo = Number.isInteger(Math.log2(pageSize));
  if (!powerOfTwo || pageSize < PAGE_SIZE.min || pageSize > PAGE_SIZE.max) {
    throw new RangeError(
      `accelerator ${name}: page size ${pageSize} is not a power of two from ${PAGE_SIZE.min} to ${PAGE_SIZE.max}`,
    );
  }
  const checker = new binding.Checker(name, pageSize);
  return {
    detect(
      { memory, offsets, count }: { memory: Uint8Array; offsets: Float64Array; count: number },
      isZero: Uint8Array,
    ) {
      checker.check(memory, offsets, count, isZero);
    },
    close() {},
  };
}

/** @throws Error with the attempts as its cause, where the addon is not there. */
export function requireBinding(): NativeBinding {
  const loaded = loadBinding();
  if ('binding' in loaded) return loaded.binding;
  throw new Error(`${loaded.reason}; ${loaded.fix}`, { cause: loaded.cause });
}
