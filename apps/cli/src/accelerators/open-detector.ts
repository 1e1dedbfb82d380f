import type { AcceleratorReference } from '@multifd/core';
import { type Accelerator, type Detector, loadAccelerator, settingsFor } from '@multifd/core/accelerator';
import { type BenchMemory, PAGE_SIZE } from './bench-memory.js';

/** An accelerator to be measured, and what it is told. */
export interface Measured {
  readonly accelerator: Accelerator;
  readonly settings: ReturnType<typeof settingsFor>;
}

/** @throws MultifdError `accelerator-unavailable`; `usage` for settings that it does not take. */
export async function loadMeasured(reference: AcceleratorReference): Promise<Measured> {
  const accelerator = await loadAccelerator(reference);
  return { accelerator, settings: settingsFor(accelerator, reference.settings) };
}

/** Opens a detector for this thread. */
export function openDetector({ accelerator, settings }: Measured): Detector | Promise<Detector> {
  return accelerator.open({ pageSize: PAGE_SIZE, settings });
}

/** The same, with the memory announced that it is going to be asked about: a device may have to register it. */
export async function openAttached(measured: Measured, { block }: BenchMemory): Promise<Detector> {
  const detector = await openDetector(measured);
  try {
    await detector.attach?.([block]);
  } catch (error) {
    await detector.close();
    throw error;
  }
  return detector;
}
