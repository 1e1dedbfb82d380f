import type { AcceleratorReference } from '../engine/api.js';
import { MultifdError } from '../errors.js';
import { ACCELERATOR_SPEC_VERSION, type Accelerator } from './accelerator.js';

/**
 * Imports one accelerator in this thread.
 * @throws MultifdError `accelerator-unavailable` if the module or the name is not there.
 */
export async function loadAccelerator(reference: AcceleratorReference): Promise<Accelerator> {
  const found = (await loadAccelerators(reference.module)).find((each) => each.name === reference.name);
  if (found !== undefined) return found;
  throw new MultifdError(
    'accelerator-unavailable',
    `${reference.module} has no accelerator called ${reference.name}`,
  );
}

/** Imports every accelerator of a module in this thread. @throws MultifdError `accelerator-unavailable`. */
export async function loadAccelerators(module: string): Promise<readonly Accelerator[]> {
  let exported: unknown;
  try {
    exported = await import(module);
  } catch (cause) {
    throw MultifdError.from(cause, 'accelerator-unavailable', `cannot load accelerator module ${module}`);
  }
  const list: unknown =
    typeof exported === 'object' && exported !== null ? Reflect.get(exported, 'accelerators') : undefined;
  if (!Array.isArray(list) || !list.every(isAccelerator)) {
    throw new MultifdError(
      'accelerator-unavailable',
      `${module} does not export accelerators: readonly Accelerator[] of contract version ${ACCELERATOR_SPEC_VERSION}`,
    );
  }
  return list;
}

/** `js`, `avx512`, `gpu:software`: a name and not the URL of a module. */
export function isAcceleratorName(text: string): boolean {
  return /^[a-z0-9][a-z0-9-]*(:[a-z0-9-]+)?$/.test(text);
}

function isAccelerator(value: unknown): value is Accelerator {
  if (typeof value !== 'object' || value === null) return false;
  const name: unknown = Reflect.get(value, 'name');
  return (
    Reflect.get(value, 'specVersion') === ACCELERATOR_SPEC_VERSION &&
    typeof name === 'string' &&
    isAcceleratorName(name) &&
    typeof Reflect.get(value, 'probe') === 'function' &&
    typeof Reflect.get(value, 'open') === 'function' &&
    hasCapabilities(Reflect.get(value, 'capabilities'))
  );
}

function hasCapabilities(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const batch: unknown = Reflect.get(value, 'preferredBatch');
  const inFlight: unknown = Reflect.get(value, 'inFlight') ?? 1;
  const sizes: unknown = Reflect.get(value, 'pageSize');
  return (
    typeof batch === 'number' &&
    Number.isInteger(batch) &&
    batch >= 1 &&
    batch <= 2 ** 20 &&
    typeof inFlight === 'number' &&
    Number.isInteger(inFlight) &&
    inFlight >= 1 &&
    inFlight <= 64 &&
    typeof sizes === 'object' &&
    sizes !== null &&
    typeof Reflect.get(sizes, 'min') === 'number' &&
    typeof Reflect.get(sizes, 'max') === 'number'
  );
}
