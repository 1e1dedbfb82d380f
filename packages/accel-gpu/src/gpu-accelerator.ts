import type { Accelerator, Probe } from '@multifd/core/accelerator';
import { missing } from './available.js';
import { GpuDetector } from './detector.js';
import { Line, Refused } from './line.js';
import type { AdapterKind, Description, KernelChoice } from './protocol.js';
import { ServingThread } from './serving-thread.js';

const PAGE_SIZE = { min: 4096, max: 65536 } as const;

/** Pages of 4 KiB that fill one request. */
const PREFERRED_BATCH = 8192;

/** Of one channel: one in transfer while the device looks at the other. Several channels have more together. */
const IN_FLIGHT = 2;

/** One kernel on one kind of adapter, as an accelerator. `automatic`: whether `auto` may take it. */
export function gpuAccelerator(
  name: string,
  kernel: KernelChoice,
  adapter: AdapterKind,
  automatic: boolean,
): Accelerator {
  return {
    specVersion: 2,
    name,
    capabilities: { pageSize: PAGE_SIZE, preferredBatch: PREFERRED_BATCH, inFlight: IN_FLIGHT, automatic },
    probe: () => probe(kernel, adapter),

    async open({ pageSize, line: port }) {
      const powerOfTwo = Number.isInteger(Math.log2(pageSize));
      if (!powerOfTwo || pageSize < PAGE_SIZE.min || pageSize > PAGE_SIZE.max) {
        throw new RangeError(
          `accelerator ${name}: page size ${pageSize} is not a power of two from ${PAGE_SIZE.min} to ${PAGE_SIZE.max}`,
        );
      }
      const line = new Line(port ?? ServingThread.of(adapter).connect());
      try {
        await line.describe(kernel);
      } catch (error) {
        line.close();
        throw withFix(error);
      }
      return new GpuDetector(line, kernel, pageSize);
    },

    async share() {
      const thread = ServingThread.of(adapter);
      // Opened here and now, so that an error is told once and not by every thread.
      await thread
        .ask((line) => line.describe(kernel))
        .catch((error: unknown) => {
          throw withFix(error);
        });
      // The device stays for the next migration of this process.
      return { connect: () => thread.connect(), close() {} };
    },

    // Over 32 MiB, 4 MiB in gpu.js.
    residentRate: (passes) => ServingThread.of(adapter).ask((line) => line.resident(kernel, passes)),
  };
}

async function probe(kernel: KernelChoice, adapter: AdapterKind): Promise<Probe> {
  const lacking = missing(adapter);
  if (lacking !== undefined) return lacking;
  try {
    const description = await ServingThread.of(adapter).ask((line) => line.describe(kernel));
    return { ok: true, detail: detailOf(description) };
  } catch (error) {
    if (error instanceof Refused) return { ok: false, reason: error.message, fix: error.fix };
    const reason = error instanceof Error ? error.message : String(error);
    return { ok: false, reason: `its device fails: ${reason}`, fix: 'see whether its driver is whole' };
  }
}

/** Kernel, how it was chosen, and device, in one line. */
function detailOf({ kernel, device, adapter, measured, missing: lacking }: Description): string {
  const rates = measured.map((each) => `${each.kernel} ${(each.bytesPerSecond / 1e9).toFixed(1)} GB/s`);
  const without = lacking.map(
    (each) => `no ${each.kernel}: ${each.reason.replace(`kernel ${each.kernel}: `, '')}`,
  );
  const why = [...rates, ...without].join(', ');
  const what = adapter === 'software' ? `software, no graphics card: ${device}` : device;
  return `kernel ${kernel}${why === '' ? '' : ` (${why})`} on ${what}`;
}

function withFix(error: unknown): unknown {
  return error instanceof Refused ? new Error(`${error.message}; ${error.fix}`, { cause: error }) : error;
}
