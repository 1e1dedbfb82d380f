import type { Probe } from '@multifd/core/accelerator';
import type { Kind } from './accelerator.js';
import type { Faults } from './binding.js';
import { PATIENCE, UNTRIED } from './hardware.js';
import { loadBinding } from './load.js';

/** The software queue, for tests: it executes the same descriptors in a thread of this process. */
export function software(
  name: string,
  faults?: Faults,
  patience = PATIENCE,
): Kind<Readonly<Record<never, never>>> {
  return {
    name,
    automatic: false,
    settings: {},
    probe(): Probe {
      const loaded = loadBinding();
      if (!('binding' in loaded)) return { ok: false, reason: loaded.reason, fix: loaded.fix };
      return {
        ok: true,
        detail: `a software queue in a thread of this process, for tests of dsa: ${UNTRIED}`,
      };
    },
    queues: () => [{ patience, ...(faults === undefined ? {} : { faults }) }],
  };
}
