import { member } from '../member.js';
import { ACCELERATOR_SPEC_VERSION, type Accelerator } from './accelerator.js';
import { faultOfSettings } from './settings.js';
import type { AcceleratorV1 } from './version1.js';

/** Whether `text` is a name (`js`, `avx512`, `gpu:software`) and not a module's URL. */
export function isAcceleratorName(text: string): boolean {
  return /^[a-z0-9][a-z0-9-]*(:[a-z0-9-]+)?$/.test(text);
}

/** Whether a value keeps the contract, of this version or the first, as far as that is visible from outside. */
export function isAccelerator(value: unknown): value is Accelerator | AcceleratorV1 {
  return faultOf(value) === undefined;
}

/** The first breach of the contract; undefined if none is visible from outside. */
export function faultOf(value: unknown): string | undefined {
  const version = member(value, 'specVersion');
  if (version !== ACCELERATOR_SPEC_VERSION && version !== 1) {
    return `specVersion must be ${ACCELERATOR_SPEC_VERSION}, or 1`;
  }
  const name = member(value, 'name');
  if (typeof name !== 'string' || !isAcceleratorName(name)) {
    return 'name must be lower case letters, digits and "-", a variant behind a ":"';
  }
  for (const method of ['probe', 'open']) {
    if (typeof member(value, method) !== 'function') return `${method} must be a function`;
  }
  for (const method of version === 1 ? ['share', 'residentRate'] : ['share', 'residentRate', 'list']) {
    if (!['undefined', 'function'].includes(typeof member(value, method))) {
      return `${method} must be a function, if it is there`;
    }
  }
  return (
    faultOfCapabilities(member(value, 'capabilities')) ??
    (version === 1 ? undefined : faultOfSettings(member(value, 'settings')))
  );
}

function faultOfCapabilities(capabilities: unknown): string | undefined {
  if (!isBatch(member(capabilities, 'preferredBatch'))) {
    return 'capabilities.preferredBatch must be a whole number, 1 to 2^20';
  }
  if (!isInFlight(member(capabilities, 'inFlight') ?? 1)) {
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

function isBatch(value: unknown): boolean {
  return isWhole(value) && value >= 1 && value <= 2 ** 20;
}

function isInFlight(value: unknown): boolean {
  return isWhole(value) && value >= 1 && value <= 64;
}

function isWhole(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value);
}

function isPowerOfTwo(value: unknown): value is number {
  return isWhole(value) && Number.isInteger(Math.log2(value)) && value >= 1;
}
