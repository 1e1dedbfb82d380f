import type { AcceleratorReference } from '../engine/api.js';
import { inTime } from '../engine/time-limit.js';
import { MultifdError } from '../errors.js';
import { ACCELERATOR_SPEC_VERSION, type Accelerator } from './accelerator.js';

/** ms that a module may take to load: one whose top-level `await` never ends would hold its caller for ever. */
const LOAD_PATIENCE = 10_000;

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

/**
 * Imports a module's accelerators.
 * @throws MultifdError `accelerator-unavailable` if it cannot be loaded in time, or exports something else.
 */
export async function loadAccelerators(module: string): Promise<readonly Accelerator[]> {
  const what = `cannot load accelerator module ${module}`;
  const loading: Promise<unknown> = import(module).catch((cause: unknown) => {
    throw MultifdError.from(cause, 'accelerator-unavailable', what);
  });
  const limit = { timeout: LOAD_PATIENCE, what, code: 'accelerator-unavailable' } as const;
  const exported = await inTime(loading, limit);
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

function isAccelerator(value: unknown): value is Accelerator {
  if (typeof value !== 'object' || value === null) return false;
  const name: unknown = Reflect.get(value, 'name');
  return (
    Reflect.get(value, 'specVersion') === ACCELERATOR_SPEC_VERSION &&
    typeof name === 'string' &&
    /^[a-z0-9][a-z0-9-]*$/.test(name) &&
    typeof Reflect.get(value, 'probe') === 'function' &&
    typeof Reflect.get(value, 'open') === 'function' &&
    hasCapabilities(Reflect.get(value, 'capabilities'))
  );
}

function hasCapabilities(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const batch: unknown = Reflect.get(value, 'preferredBatch');
  const sizes: unknown = Reflect.get(value, 'pageSize');
  return (
    typeof batch === 'number' &&
    Number.isInteger(batch) &&
    batch >= 1 &&
    batch <= 2 ** 20 &&
    typeof sizes === 'object' &&
    sizes !== null &&
    typeof Reflect.get(sizes, 'min') === 'number' &&
    typeof Reflect.get(sizes, 'max') === 'number'
  );
}
