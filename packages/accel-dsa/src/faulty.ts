/**
 * The software queue with faults, one accelerator for each kind of fault. For tests: it is built beside the package's
 * public entry, and neither exported nor published.
 */
import type { Accelerator } from '@multifd/core/accelerator';
import { dsaAccelerator } from './accelerator.js';
import type { Faults } from './binding.js';
import { software } from './software.js';

const seed = Number(process.env.MULTIFD_SEED ?? 1) >>> 0;

/** In a thousand: what an accelerator must live with, without a wrong answer. */
export const SURVIVED = {
  partial: { partial: 200 },
  poison: { poison: 200 },
  batch: { batch: 300 },
  full: { full: 300 },
  late: { late: 100, shuffled: true },
  everything: { partial: 50, poison: 50, batch: 50, behind: 50, full: 100, late: 20, shuffled: true },
} as const satisfies Readonly<Record<string, Faults>>;

/** What ends it, somewhere in the middle of a migration. */
export const FATAL = {
  eperm: { denied: 'EPERM', deniedAfter: 40 },
  einval: { denied: 'EINVAL', deniedAfter: 40 },
  enodev: { vanish: 'ENODEV', vanishAfter: 1500 },
  vanish: { vanish: 'silent', vanishAfter: 1500 },
} as const satisfies Readonly<Record<string, Faults>>;

/** ms: a software device that is silent for that long has vanished, however busy the machine. */
const PATIENCE = { vanishes: 1500, stays: 60_000 };

export const accelerators: readonly Accelerator[] = [
  ...Object.entries(SURVIVED).map(([name, faults]) => faulty(name, faults, PATIENCE.stays)),
  ...Object.entries(FATAL).map(([name, faults]) =>
    faulty(name, faults, 'vanish' in faults ? PATIENCE.vanishes : PATIENCE.stays),
  ),
];

function faulty(name: string, faults: Faults, patience: number): Accelerator {
  return dsaAccelerator(software(`dsa-faulty:${name}`, { seed, ...faults }, patience));
}
