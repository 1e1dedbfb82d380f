import type { Accelerator, PageBatch, Probe } from '@multifd/core/accelerator';
import { ByCopy } from './by-copy.js';
import { InPlace } from './in-place.js';
import { readTwin, type TwinName } from './twin.js';

const PAGE_SIZE = { min: 4096, max: 65536 } as const;

/** Pages of a 4 MiB range: it is one batch then, and the price of a batch is lost. */
const PREFERRED_BATCH = 1024;

type Pick = () => TwinName | Extract<Probe, { ok: false }>;

/**
 * @param pick the twin to run, or why none can.
 * @param automatic whether `auto` may take it.
 */
export function wasmAccelerator(name: string, pick: Pick, automatic: boolean): Accelerator {
  return {
    specVersion: 2,
    name,
    capabilities: { pageSize: PAGE_SIZE, preferredBatch: PREFERRED_BATCH, automatic, memory: 'wasm' },

    probe() {
      const twin = pick();
      if (typeof twin !== 'string') return twin;
      const width = twin === 'simd' ? '128-bit SIMD' : 'scalar, 64 bits';
      return {
        ok: true,
        detail: `WebAssembly, ${width}; memory of this process in place, other memory by copy`,
      };
    },

    open({ pageSize }) {
      const powerOfTwo = Number.isInteger(Math.log2(pageSize));
      if (!powerOfTwo || pageSize < PAGE_SIZE.min || pageSize > PAGE_SIZE.max) {
        throw new RangeError(
          `accelerator ${name}: page size ${pageSize} is not a power of two from ${PAGE_SIZE.min} to ${PAGE_SIZE.max}`,
        );
      }
      const twin = pick();
      if (typeof twin !== 'string') throw new Error(`accelerator ${name}: ${twin.reason}; ${twin.fix}`);
      return openDetector(twin, pageSize);
    },
  };
}

function openDetector(twin: TwinName, pageSize: number) {
  const inPlace = new InPlace(twin, pageSize);
  let byCopy: ByCopy | undefined;
  return {
    detect({ memory, offsets, count, wasmMemory }: PageBatch, isZero: Uint8Array) {
      checkOffsets(offsets, count, memory.length - pageSize);
      if (wasmMemory instanceof WebAssembly.Memory) {
        inPlace.detect(wasmMemory, memory.byteOffset, offsets, count, isZero);
      } else {
        byCopy ??= new ByCopy(twin, pageSize);
        byCopy.detect(memory, offsets, count, isZero);
      }
    },
    close() {},
  };
}

/** What is no offset of a page would be answered for another place: there is guest memory around `memory` too. */
function checkOffsets(offsets: Float64Array, count: number, last: number): void {
  for (let i = 0; i < count; i++) {
    const offset = offsets[i] ?? -1;
    if (!(offset >= 0 && offset <= last && Number.isInteger(offset))) {
      throw new RangeError(`offsets[${i}] is ${offset}: no whole page there`);
    }
  }
}

export function simdOrReason(): TwinName | Extract<Probe, { ok: false }> {
  if (WebAssembly.validate(readTwin('simd'))) return 'simd';
  return {
    ok: false,
    reason: 'this engine has no WebAssembly SIMD on this CPU',
    fix: 'ask for wasm-scalar, or use a CPU with SSE4.1 or NEON',
  };
}

export function best(): TwinName {
  return simdOrReason() === 'simd' ? 'simd' : 'scalar';
}
