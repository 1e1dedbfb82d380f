import type { KernelChoice } from './protocol.js';
import { ServingThread } from './serving-thread.js';

/**
 * How fast an accelerator of this module looks at memory that is on its device already: what is left of its rate when
 * the way there and back is taken away.
 * @param name of the accelerator.
 * @param passes over 32 MiB (4 MiB in gpu.js), at least 1.
 * @returns bytes a second; undefined for a name that is not of this module.
 * @throws Error if it cannot run here.
 */
export async function residentRate(name: string, passes: number): Promise<number | undefined> {
  const kernel = KERNELS.get(name.replace(/:software$/, ''));
  if (kernel === undefined) return undefined;
  const thread = ServingThread.of(name.endsWith(':software') ? 'software' : 'hardware');
  return thread.ask((line) => line.resident(kernel, passes));
}

const KERNELS: ReadonlyMap<string, KernelChoice> = new Map([
  ['gpu', 'best'],
  ['gpu-wgsl', 'wgsl'],
  ['gpu-gpujs', 'gpujs'],
]);
