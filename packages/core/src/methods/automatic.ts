import type { MultiFDMethods } from './methods.js';
import { noneMethod } from './none.js';
import { AUTO, availableMethods, loadMethod } from './registry.js';

/**
 * The methods that stand behind a value of `multifd-compression`: the one of that name, or for `auto` all that can run
 * here, `none` first and the others in the order of their modules.
 * @throws MultifdError `codec-unavailable`.
 */
export async function methodsFor(
  name: string,
  modules: readonly string[],
): Promise<readonly MultiFDMethods[]> {
  return name === AUTO ? availableMethods(modules) : [await loadMethod(name, modules)];
}

/** The methods that one channel may need. */
export interface ChannelMethods {
  /** Needed by every channel: the method of that name, and `none` for `auto`. */
  readonly first: MultiFDMethods;
  /** All of them, as `methodsFor` has them: `first` is the first. */
  all(): Promise<readonly MultiFDMethods[]>;
}

/**
 * What a channel's thread loads before it connects. For `auto` that is nothing but `none`: most channels never leave it,
 * and a small guest would be gone before all of them have loaded all methods, on both ends.
 * @throws MultifdError `codec-unavailable` for a name; for `auto`, `all` does.
 */
export async function methodsForChannel(name: string, modules: readonly string[]): Promise<ChannelMethods> {
  if (name === AUTO) return { first: noneMethod, all: () => methodsFor(AUTO, modules) };
  const method = await loadMethod(name, modules);
  return { first: method, all: async () => [method] };
}
