import { MultifdError } from '@multifd/core';
import { type NamedModule, splitModuleName } from '@multifd/core/accelerator';
import { isPath, missing } from '../modules/missing.js';
import { resolveModule } from '../modules/resolve-module.js';
import { quote } from '../options/sizes.js';
import { didYouMean } from '../options/suggest.js';

/** What to do about a name that nobody has. */
const NAME_A_MODULE =
  'name a module by its path (./my-accelerator), or by its package if that is installed in the working directory; the second of its accelerators as MODULE:NAME';

/**
 * The module that `--accel` names: a path, a URL or a package, and behind a colon one of its accelerators.
 * @param known the accelerators that have a name of their own here.
 * @throws MultifdError `accelerator-unavailable` that says where was looked, and what is missing there.
 */
export function findModule(requested: string, cwd: string, known: readonly string[]): NamedModule {
  const whole = resolveModule(requested, cwd);
  if (whole !== undefined) return { module: whole, name: undefined };
  const { module: specifier, name } = splitModuleName(requested);
  const module = name === undefined ? undefined : resolveModule(specifier, cwd);
  if (module !== undefined) return { module, name };
  const isModule = isPath(requested) || requested.startsWith('file:') || requested.startsWith('@');
  const { what, meant } = missing(isModule ? specifier : requested, cwd);
  const hint = meant === undefined ? didYouMean(requested, known, NAME_A_MODULE) : `did you mean ${meant}?`;
  if (isModule) {
    throw new MultifdError('accelerator-unavailable', `no module ${quote(requested)}: ${what}`, { hint });
  }
  const list = known.join(', ');
  throw new MultifdError(
    'accelerator-unavailable',
    `no accelerator or module is called ${quote(requested)}; known here: ${list}`,
    { hint },
  );
}
