import { type AcceleratorChoice, AcceleratorRegistry, MultifdError } from '@multifd/core';
import { resolveModule } from '../modules/resolve-module.js';
import type { AcceleratorOptions } from '../options/requests.js';
import { didYouMean } from '../options/suggest.js';

/** Modules that come with the command, the one that `auto` prefers first among those that are as fast. */
const OURS = [
  import.meta.resolve('@multifd/accel-native'),
  import.meta.resolve('@multifd/accel-wasm'),
  import.meta.resolve('@multifd/accel-js'),
  // Last: it has to be clearly faster than all of the others. It loads nothing of its device before it is asked for.
  import.meta.resolve('@multifd/accel-gpu'),
];

/** What to do about a name that nobody has. */
export const NAME_A_MODULE =
  'name a module by its path (./my-accelerator), or by its package if that is installed in the working directory';

/** The accelerators that are known by name. */
export function knownAccelerators(): AcceleratorRegistry {
  const registry = new AcceleratorRegistry();
  for (const module of OURS) registry.register(module);
  return registry;
}

/**
 * Finds what `--accel` asks for: `auto`, a name that is known here, or a module (a path, or a package that `cwd`
 * can import).
 *
 * @param threads that will check at the same time.
 * @throws MultifdError `accelerator-unavailable`: what was named is used or refused, only `auto` falls through.
 */
export async function chooseAccelerator(
  { accel, accelVariable }: AcceleratorOptions,
  cwd: string,
  threads: number,
): Promise<AcceleratorChoice> {
  try {
    return await choose(accel, cwd, threads);
  } catch (error) {
    if (accelVariable === undefined || !MultifdError.is(error)) throw error;
    // Whoever does not see the name on the command line has to know where to look for it.
    throw new MultifdError(
      error.code,
      `${error.message} (asked for by ${accelVariable} in the environment)`,
      {
        ...(error.hint === undefined ? {} : { hint: error.hint }),
        cause: error,
      },
    );
  }
}

async function choose(requested: string, cwd: string, threads: number): Promise<AcceleratorChoice> {
  const registry = knownAccelerators();
  const known = await registry.names();
  if (requested === 'auto' || known.includes(requested)) return registry.choose(requested, { threads });
  const module = resolveModule(requested, cwd);
  if (module !== undefined) return { ...(await registry.choose(module)), requested };
  throw new MultifdError(
    'accelerator-unavailable',
    `no accelerator or module is called ${JSON.stringify(requested)}; known here: ${known.join(', ')}`,
    { hint: didYouMean(requested, known, NAME_A_MODULE) },
  );
}
