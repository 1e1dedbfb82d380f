import { MultifdError } from '../errors.js';
import { loadExport } from '../load-export.js';
import { member } from '../member.js';
import type { AcceleratorReference } from './accelerator.js';
import { ACCELERATOR_SPEC_VERSION, type Accelerator } from './accelerator.js';

/**
 * Imports one accelerator in this thread.
 * @throws MultifdError `accelerator-unavailable` if the module cannot be loaded or has no accelerator of that name.
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
 * @throws MultifdError `accelerator-unavailable` if it cannot be loaded in time, or its exports break the contract.
 */
export async function loadAccelerators(module: string): Promise<readonly Accelerator[]> {
  const list = await loadExport(module, 'accelerators', 'accelerator-unavailable');
  if (!Array.isArray(list) || list.length === 0) throw unfit(module, 'no such array, or an empty one');
  try {
    if (list.every(isAccelerator)) return list;
    const faults = list.map((each, index) => [`[${index}]`, faultOf(each)]);
    throw unfit(module, faults.find(([, fault]) => fault !== undefined)?.join(': ') ?? 'it changes');
  } catch (cause) {
    // A getter may throw.
    throw MultifdError.from(cause, 'accelerator-unavailable', `cannot load module ${module}`);
  }
}

/** Whether `text` is a name (`js`, `avx512`, `gpu:software`) and not a module's URL. */
export function isAcceleratorName(text: string): boolean {
  return /^[a-z0-9][a-z0-9-]*(:[a-z0-9-]+)?$/.test(text);
}

function unfit(module: string, fault: string): MultifdError {
  return new MultifdError(
    'accelerator-unavailable',
    `${module} does not export accelerators: readonly Accelerator[] of contract version ${ACCELERATOR_SPEC_VERSION}: ${fault}`,
  );
}

function isAccelerator(value: unknown): value is Accelerator {
  return faultOf(value) === undefined;
}

/** The first breach of the contract; undefined if none is visible from outside. */
function faultOf(value: unknown): string | undefined {
  if (member(value, 'specVersion') !== ACCELERATOR_SPEC_VERSION) {
    return `specVersion must be ${ACCELERATOR_SPEC_VERSION}`;
  }
  const name = member(value, 'name');
  if (typeof name !== 'string' || !isAcceleratorName(name)) {
    return 'name must be lower case letters, digits and "-", a variant behind a ":"';
  }
  for (const method of ['probe', 'open']) {
    if (typeof member(value, method) !== 'function') return `${method} must be a function`;
  }
  for (const method of ['share', 'residentRate']) {
    if (!['undefined', 'function'].includes(typeof member(value, method))) {
      return `${method} must be a function, if it is there`;
    }
  }
  const capabilities = member(value, 'capabilities');
  const batch = member(capabilities, 'preferredBatch');
  if (typeof batch !== 'number' || !Number.isInteger(batch) || batch < 1 || batch > 2 ** 20) {
    return 'capabilities.preferredBatch must be a whole number, 1 to 2^20';
  }
  const inFlight = member(capabilities, 'inFlight') ?? 1;
  if (typeof inFlight !== 'number' || !Number.isInteger(inFlight) || inFlight < 1 || inFlight > 64) {
    return 'capabilities.inFlight must be a whole number, 1 to 64';
  }
  const memory = member(capabilities, 'memory');
  if (memory !== undefined && memory !== 'wasm') {
    return 'capabilities.memory must be "wasm", if it is there';
  }
  const sizes = member(capabilities, 'pageSize');
  const [min, max] = [member(sizes, 'min'), member(sizes, 'max')];
  if (!isPowerOfTwo(min) || !isPowerOfTwo(max) || min > max) {
    return 'capabilities.pageSize must be { min, max }, powers of two, in bytes';
  }
  return undefined;
}

function isPowerOfTwo(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(Math.log2(value)) && value >= 1;
}
