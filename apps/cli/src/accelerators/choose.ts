import { type AcceleratorChoice, AcceleratorRegistry, MultifdError } from '@multifd/core';
import type { AcceleratorOptions } from '../options/requests.js';
import { readRequest } from './request.js';

/** Modules that come with the command, the one that `auto` prefers first among those that are as fast. */
const OURS = [
  import.meta.resolve('@multifd/accel-native'),
  import.meta.resolve('@multifd/accel-wasm'),
  import.meta.resolve('@multifd/accel-js'),
  // Last: it has to be clearly faster than all of the others. It loads nothing of its device before it is asked for.
  import.meta.resolve('@multifd/accel-gpu'),
  import.meta.resolve('@multifd/accel-dsa'),
];

/** The accelerators that are known by name. */
export function knownAccelerators(): AcceleratorRegistry {
  const registry = new AcceleratorRegistry();
  for (const module of OURS) registry.register(module);
  return registry;
}

/**
 * Finds what `--accel` asks for: `auto`, a name that is known here, or a module (a path, or a package that `cwd`
 * can import), with `:NAME` behind it for another than the first of its accelerators that can run; and `:key=value,…`
 * behind any of these but `auto`.
 *
 * @param threads that will check at the same time.
 * @throws MultifdError `accelerator-unavailable`: what was named is used or refused, only `auto` falls through; `usage`
 *   for settings that it does not take.
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
  const { asked, settings } = await readRequest(requested, cwd, registry);
  return { ...(await registry.choose(asked, { threads, settings })), requested };
}

/** Whether this accelerator does not come with the command. */
export function isForeign({ accelerator }: AcceleratorChoice): boolean {
  return !OURS.includes(accelerator.module);
}
