import { MultifdError } from '../errors.js';
import { COMPRESSION_MASK } from '../wire/layout.js';
import type { MultiFDMethods } from './methods.js';
import { noneMethod } from './none.js';

/**
 * The MultiFD methods known in this thread, by name. `none` is always there.
 *
 * @param modules URLs of modules that export `methods`.
 * @throws MultifdError `codec-unavailable` for a module that brings none, a flag or name that is taken.
 */
export async function loadMethod(name: string, modules: readonly string[] = []): Promise<MultiFDMethods> {
  const known: MultiFDMethods[] = [noneMethod];
  for (const module of new Set(modules)) {
    for (const method of await loadMethods(module)) {
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
  const found = known.find((each) => each.name === name);
  if (found !== undefined) return found;
  throw new MultifdError(
    'codec-unavailable',
    `multifd-compression ${name} is not available; known here: ${known.map((each) => each.name).join(', ')}`,
  );
}

async function loadMethods(module: string): Promise<readonly MultiFDMethods[]> {
  let exported: unknown;
  try {
    exported = await import(module);
  } catch (cause) {
    throw MultifdError.from(cause, 'codec-unavailable', `cannot load codec module ${module}`);
  }
  const list: unknown =
    typeof exported === 'object' && exported !== null ? Reflect.get(exported, 'methods') : undefined;
  if (Array.isArray(list) && list.every(isMethod)) return list;
  throw new MultifdError('codec-unavailable', `${module} does not export methods: readonly MultiFDMethods[]`);
}

function isMethod(value: unknown): value is MultiFDMethods {
  if (typeof value !== 'object' || value === null) return false;
  const flag: unknown = Reflect.get(value, 'flag');
  const name: unknown = Reflect.get(value, 'name');
  return (
    Reflect.get(value, 'specVersion') === 1 &&
    typeof name === 'string' &&
    /^[a-z0-9][a-z0-9-]*$/.test(name) &&
    typeof flag === 'number' &&
    flag > 0 &&
    (flag & ~COMPRESSION_MASK) === 0 &&
    typeof Reflect.get(value, 'sendSetup') === 'function' &&
    typeof Reflect.get(value, 'recvSetup') === 'function'
  );
}
