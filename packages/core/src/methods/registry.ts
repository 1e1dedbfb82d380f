import { MultifdError } from '../errors.js';
import { loadExport } from '../load-export.js';
import { member } from '../member.js';
import { COMPRESSION_MASK, QEMU_METHODS } from '../wire/layout.js';
import type { Probe } from '../zero/accelerator.js';
import { probeSafely } from '../zero/probe.js';
import type { MultiFDMethods } from './methods.js';
import { noneMethod } from './none.js';

/** The value of `multifd-compression` that names no method: the source chooses one while it sends. */
export const AUTO = 'auto';

/**
 * Finds a MultiFD method by name, and probes that it can run here; `none` is always known.
 *
 * @param modules URLs of modules that export `methods`.
 * @throws MultifdError `codec-unavailable` for a module without methods, a flag or name that is taken, an unknown
 *   name, a method that cannot run here.
 */
export async function loadMethod(name: string, modules: readonly string[] = []): Promise<MultiFDMethods> {
  const known = await allMethods(modules);
  const found = known.find((each) => each.name === name);
  if (found === undefined) {
    throw new MultifdError(
      'codec-unavailable',
      `multifdCompression ${name} is not available; known here: ${known.map((each) => each.name).join(', ')}`,
    );
  }
  const probe = await probeOf(found);
  if (probe.ok) return found;
  throw new MultifdError(
    'codec-unavailable',
    `multifdCompression ${name} is not available: ${probe.reason}`,
    {
      hint: probe.fix,
    },
  );
}

/**
 * All methods that can run here: `none` first, then those of the modules, in their order.
 * @throws MultifdError `codec-unavailable` as `loadMethod`, except for methods that cannot run.
 */
export async function availableMethods(modules: readonly string[]): Promise<readonly MultiFDMethods[]> {
  const able: MultiFDMethods[] = [];
  for (const method of await allMethods(modules)) {
    if ((await probeOf(method)).ok) able.push(method);
  }
  return able;
}

function probeOf(method: MultiFDMethods): Promise<Probe> {
  return probeSafely(`multifd method ${method.name}`, () => method.probe());
}

async function allMethods(modules: readonly string[]): Promise<readonly MultiFDMethods[]> {
  const known: MultiFDMethods[] = [noneMethod];
  for (const module of new Set(modules)) {
    for (const method of await methodsOf(module)) {
      const clash = known.find((each) => each.name === method.name || each.flag === method.flag);
      if (clash !== undefined) {
        throw new MultifdError(
          'codec-unavailable',
          `${module}: multifd method ${method.name} (flag 0x${method.flag.toString(16)}) is already taken by ${clash.name}`,
        );
      }
      known.push(method);
    }
  }
  return known;
}

/**
 * The methods that a module exports.
 *
 * @param module URL.
 * @throws MultifdError `codec-unavailable` if it cannot be imported, or exports no `methods` of this contract.
 */
export async function methodsOf(module: string): Promise<readonly MultiFDMethods[]> {
  const list = await loadExport(module, 'methods', 'codec-unavailable');
  if (Array.isArray(list) && list.every(isMultiFDMethods)) return list;
  throw new MultifdError('codec-unavailable', `${module} does not export methods: readonly MultiFDMethods[]`);
}

/** Whether a value has the shape of this contract, and a valid name and flag. */
export function isMultiFDMethods(value: unknown): value is MultiFDMethods {
  if (typeof value !== 'object' || value === null) return false;
  const flag: unknown = Reflect.get(value, 'flag');
  const name: unknown = Reflect.get(value, 'name');
  return (
    Reflect.get(value, 'specVersion') === 1 &&
    typeof name === 'string' &&
    name !== AUTO &&
    /^[a-z0-9][a-z0-9-]*$/.test(name) &&
    typeof flag === 'number' &&
    isFlagFor(flag, name) &&
    areSettings(Reflect.get(value, 'settings')) &&
    ['probe', 'sendSetup', 'recvSetup'].every((hook) => typeof Reflect.get(value, hook) === 'function')
  );
}

function areSettings(value: unknown): boolean {
  return value === undefined || (Array.isArray(value) && value.every(isSetting));
}

function isWhole(value: unknown): value is number {
  return Number.isSafeInteger(value);
}

function isSetting(value: unknown): boolean {
  const [name, help] = ['name', 'help'].map((each) => member(value, each));
  const [least, usual, most] = ['least', 'usual', 'most'].map((each) => member(value, each));
  return (
    typeof name === 'string' &&
    /^[a-z0-9][a-z0-9-]*$/.test(name) &&
    typeof help === 'string' &&
    isWhole(least) &&
    isWhole(usual) &&
    isWhole(most) &&
    least <= usual &&
    usual <= most
  );
}

/** Only QEMU's methods have QEMU's flags: no other method can be mistaken for one. */
function isFlagFor(flag: number, name: string): boolean {
  const qemus = [...QEMU_METHODS].find(([, each]) => each === name)?.[0];
  if (qemus !== undefined) return flag === qemus;
  return flag > 0 && (flag & ~COMPRESSION_MASK) === 0 && !QEMU_METHODS.has(flag);
}
