import { MultifdError } from '../errors.js';
import type { AcceleratorReference } from './accelerator.js';
import type { AcceleratorChoice } from './choice.js';
import { splitModuleName } from './module-name.js';

/**
 * What finds zero pages: what `AcceleratorRegistry.choose` returned, a reference, or `MODULE:NAME`, where MODULE is a
 * URL (`import.meta.resolve` gives it): `file:///home/me/two.mjs:fast`.
 */
export type AcceleratorOption = AcceleratorReference | AcceleratorChoice | string;

export interface ChosenAccelerator {
  readonly accelerator: AcceleratorReference | undefined;
  readonly fallbacks: readonly AcceleratorReference[];
}

/**
 * @param fallbacks as given; undefined: those of a choice.
 * @throws MultifdError `usage` for a text that is no `MODULE:NAME`.
 */
export function readAccelerator(
  option: AcceleratorOption | undefined,
  fallbacks: readonly AcceleratorReference[] | undefined,
): ChosenAccelerator {
  if (typeof option === 'string') return { accelerator: readText(option), fallbacks: fallbacks ?? [] };
  if (option === undefined || 'module' in option) return { accelerator: option, fallbacks: fallbacks ?? [] };
  return { accelerator: option.accelerator, fallbacks: fallbacks ?? option.fallbacks };
}

function readText(text: string): AcceleratorReference {
  const { module, name } = splitModuleName(text);
  // Anything else would be looked for from where this package lies.
  if (name !== undefined && /^[a-z][a-z0-9+.-]*:./i.test(module)) return { module, name };
  const what = name === undefined ? 'the name behind the module is missing' : 'its module is no URL';
  throw new MultifdError('usage', `accelerator ${JSON.stringify(text)}: ${what}`, {
    hint: "give MODULE:NAME with the module's URL, as import.meta.resolve gives it",
  });
}
