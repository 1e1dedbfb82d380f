import { checkSettings } from './check-settings.js';
import type { MethodOptions, MultiFDMethods } from './methods.js';
import { noneMethod } from './none.js';
import { availableMethods, knownMethods, loadMethod } from './registry.js';
import { AUTO } from './shape.js';

/**
 * The methods for a value of `multifd-compression`: the one of that name, or for `auto` all that can run here, `none`
 * first and the others in the order of their modules.
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
  /** The method that every channel needs: the one of that name, or `none` for `auto`. */
  readonly first: MultiFDMethods;
  /** All of them, as `methodsFor` returns them, beginning with `first`. */
  all(): Promise<readonly MultiFDMethods[]>;
}

/**
 * Loads what a channel's thread needs before it connects. For `auto` that is only `none`: most channels never use
 * another method, and a small guest would have migrated before all channels on both ends had loaded all methods.
 * @throws MultifdError `codec-unavailable` for a name; for `auto`, `all` throws it. `usage` for a setting that no method of
 *   these modules has, or a value out of its range.
 */
export async function methodsForChannel(
  name: string,
  modules: readonly string[],
  settings: MethodOptions['settings'] = {},
): Promise<ChannelMethods> {
  if (Object.keys(settings).length > 0) checkSettings(settings, await knownMethods(modules));
  if (name === AUTO) return { first: noneMethod, all: () => methodsFor(AUTO, modules) };
  const method = await loadMethod(name, modules);
  return { first: method, all: async () => [method] };
}
