import { MultifdError } from '../errors.js';
import type { Accelerator } from './accelerator.js';
import { measureRates, rateOfThread } from './calibrate.js';
import type { AcceleratorChoice, ProbedAccelerator, RefusedAccelerator } from './choice.js';
import { loadAccelerator } from './load.js';

/** For `auto`: above this share of the fastest rate, the order of preference decides, not measurement noise. */
const AS_FAST_AS = 0.9;

/**
 * Measures those of `all` that can run and that `auto` may choose, and chooses the fastest; among those about as
 * fast, the first.
 *
 * @param threads number of threads that will check at the same time.
 * @throws MultifdError `accelerator-unavailable` with every reason, if none can run or all that can have failed when
 *   measured.
 */
export async function chooseFastest(
  all: readonly ProbedAccelerator[],
  threads: number,
): Promise<AcceleratorChoice> {
  const refused: RefusedAccelerator[] = [];
  const able: (Pick<ProbedAccelerator, 'reference' | 'memory'> & {
    detail: string;
    accelerator: Accelerator;
  })[] = [];
  for (const { reference, probe, automatic, memory } of all) {
    if (!automatic) continue;
    if (probe.ok)
      able.push({ reference, memory, detail: probe.detail, accelerator: await loadAccelerator(reference) });
    else refused.push({ name: reference.name, reason: probe.reason, fix: probe.fix });
  }
  const [only] = able;
  if (only === undefined) throw nobody(refused);
  if (able.length === 1) {
    const { reference, memory, detail } = only;
    return {
      accelerator: reference,
      ...inPlace(memory),
      detail,
      requested: 'auto',
      refused,
      fallbacks: [],
    };
  }
  const rates = await measureRates(able.map(({ accelerator }) => accelerator));
  const measured = able.flatMap((each, index) => {
    const rate = rates[index];
    if (rate !== undefined && 'bytesPerSecond' in rate) {
      const bytesPerSecond = rateOfThread(each.accelerator, rate.bytesPerSecond, threads);
      return [{ ...each, bytesPerSecond: Math.round(bytesPerSecond) }];
    }
    const { name } = each.reference;
    const reason = rate?.error.message ?? 'it was not measured';
    // The measurement uses 4 KiB pages, which an accelerator may not support.
    const fix =
      rate !== undefined && rate.error.code === 'accelerator-unavailable'
        ? 'ask for it by name, for a guest with such pages'
        : `it is a mistake of accelerator ${name}: tell its author`;
    refused.push({ name, reason, fix });
    return [];
  });
  const best = Math.max(0, ...measured.map(({ bytesPerSecond }) => bytesPerSecond));
  const chosen = measured.find(({ bytesPerSecond }) => bytesPerSecond >= AS_FAST_AS * best);
  if (chosen === undefined) throw nobody(refused);
  const sorted = measured.toSorted((a, b) => b.bytesPerSecond - a.bytesPerSecond);
  return {
    accelerator: chosen.reference,
    ...inPlace(chosen.memory),
    detail: chosen.detail,
    requested: 'auto',
    refused,
    // A replacement is opened in the thread that lost its accelerator: where a device is shared, each would open it.
    fallbacks: sorted
      .filter((each) => each !== chosen && each.accelerator.share === undefined)
      .map(({ reference }) => reference),
    measured: sorted.map(({ reference, bytesPerSecond }) => ({ name: reference.name, bytesPerSecond })),
  };
}

/** A choice's `memory` member; absent for an accelerator that takes any kind. */
export function inPlace(memory: ProbedAccelerator['memory']): Pick<AcceleratorChoice, 'memory'> {
  return memory === undefined ? {} : { memory };
}

function nobody(refused: readonly RefusedAccelerator[]): MultifdError {
  const [first] = refused;
  if (first === undefined) return new MultifdError('accelerator-unavailable', 'no accelerator is known here');
  const reasons = refused.map(({ name, reason }) => `${name}: ${reason}`).join('; ');
  return new MultifdError('accelerator-unavailable', `no accelerator can run here: ${reasons}`, {
    hint: first.fix,
  });
}
