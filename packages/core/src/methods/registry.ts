import { MultifdError } from '../errors.js';
import { loadExport } from '../load-export.js';
import type { Probe } from '../zero/accelerator.js';
import { probeSafely } from '../zero/probe.js';
import { cameFrom } from './hooks.js';
import type { MultiFDMethods } from './methods.js';
import { noneMethod } from './none.js';
import { faultOfMethod, isMultiFDMethods } from './shape.js';

/**
 * Finds a MultiFD method by name, and probes that it can run here; `none` is always known.
 *
 * @param modules URLs of modules that export `methods`.
 * @throws MultifdError `codec-unavailable` for a module without methods, a flag or name that is taken, an unknown
 *   name, a method that cannot run here.
 */
export async function loadMethod(name: string, modules: readonly string[] = []): Promise<MultiFDMethods> {
  const known = await knownMethods(modules);
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
  for (const method of await knownMethods(modules)) {
    if ((await probeOf(method)).ok) able.push(method);
  }
  return able;
}

function probeOf(method: MultiFDMethods): Promise<Probe> {
  return probeSafely(`multifd method ${method.name}`, () => method.probe());
}

/** All methods of the modules, and `none`, whether or not they can run here. @throws as `loadMethod`. */
export async function knownMethods(modules: readonly string[]): Promise<readonly MultiFDMethods[]> {
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
  if (!Array.isArray(list)) throw unfit(module, 'methods must be an array');
  try {
    if (list.every(isMultiFDMethods)) {
      for (const method of list) cameFrom(method, module);
      return list;
    }
    const faults = list.map((each, index) => [index, faultOfMethod(each)]);
    const fault = faults.find(([, what]) => what !== undefined);
    throw unfit(module, fault === undefined ? 'it changes' : `methods[${fault[0]}].${fault[1]}`);
  } catch (cause) {
    // A getter may throw.
    throw MultifdError.from(cause, 'codec-unavailable', `cannot load module ${module}`);
  }
}

function unfit(module: string, fault: string): MultifdError {
  return new MultifdError(
    'codec-unavailable',
    `${module} does not export methods: readonly MultiFDMethods[]: ${fault}`,
  );
}
