import { MultifdError } from '@multifd/core';
import { isPath, missing } from '../modules/missing.js';
import { resolveModule } from '../modules/resolve-module.js';
import { quote } from '../options/sizes.js';
import { didYouMean } from '../options/suggest.js';

/** What to do about a name that nobody has. */
const NAME_A_MODULE =
  'name a module by its path (./my-accelerator), or by its package if that is installed in the working directory; the second of its accelerators as MODULE:NAME';

export interface FoundModule {
  /** URL. */
  readonly module: string;
  /** What stands behind it and a colon: the name of one of its accelerators, settings, or both. */
  readonly rest: string | undefined;
}

/**
 * The module that `--accel` names: a path, a URL or a package. Anything may stand behind a colon: the longest part that
 * is a module is meant.
 * @param known the accelerators that have a name of their own here.
 * @throws MultifdError `accelerator-unavailable` that says where was looked, and what is missing there.
 */
export function findModule(requested: string, cwd: string, known: readonly string[]): FoundModule {
  const parts = moduleParts(requested);
  for (const part of parts) {
    const module = resolveModule(part, cwd);
    const rest = part === requested ? undefined : requested.slice(part.length + 1);
    if (module !== undefined) return { module, rest };
  }
  const specifier = parts.at(-1) ?? requested;
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

/** What may be the module in `MODULE:NAME:SETTINGS`, the longest first: all of it, or up to any of its colons. */
export function moduleParts(text: string): readonly string[] {
  const parts = [text];
  // The colon of `file:` is the URL's own.
  const first = text.startsWith('file:') ? 'file:'.length : 1;
  for (let at = text.lastIndexOf(':'); at >= first; at = text.lastIndexOf(':', at - 1)) {
    parts.push(text.slice(0, at));
  }
  return parts;
}
