import { MultifdError } from '../errors.js';
import { shown } from '../given.js';
import type { AcceleratorReference } from './accelerator.js';
import type { AcceleratorChoice } from './choice.js';
import { splitModuleName } from './module-name.js';
import { isSettingValues } from './settings.js';

/**
 * What finds zero pages: what `AcceleratorRegistry.choose` returned, a reference, or `MODULE:NAME`, where MODULE is a
 * URL (`import.meta.resolve` gives it): `file:///home/me/two.mjs:fast`.
 */
export type AcceleratorOption = AcceleratorReference | AcceleratorChoice | string;

export interface ChosenAccelerator {
  readonly accelerator: AcceleratorReference | undefined;
  readonly fallbacks: readonly AcceleratorReference[];
  /** Whether somebody has asked the accelerator whether it can run here. */
  readonly isProbed: boolean;
}

/**
 * @param fallbacks as given; undefined: those of a choice.
 * @throws MultifdError `usage` for a text that is no `MODULE:NAME`.
 */
export function readAccelerator(
  option: AcceleratorOption | undefined,
  fallbacks: readonly AcceleratorReference[] | undefined,
): ChosenAccelerator {
  if (typeof option === 'string') {
    return { accelerator: readText(option), fallbacks: fallbacks ?? [], isProbed: false };
  }
  if (option === undefined) return { accelerator: undefined, fallbacks: fallbacks ?? [], isProbed: false };
  if ('module' in option) {
    if (!isUrl(option.module)) throw noUrl(JSON.stringify(option.module), 'its module is no URL');
    checkTold(option);
    return { accelerator: option, fallbacks: fallbacks ?? [], isProbed: false };
  }
  const { accelerator } = option;
  return { accelerator, fallbacks: fallbacks ?? option.fallbacks, isProbed: true };
}

function readText(text: string): AcceleratorReference {
  const { module, name } = splitModuleName(text);
  if (name !== undefined && isUrl(module)) return { module, name };
  const what = name === undefined ? 'the name behind the module is missing' : 'its module is no URL';
  throw noUrl(JSON.stringify(text), what);
}

/** Its settings reach each thread by message; what the accelerator takes of them it says itself. */
function checkTold({ name, settings, numaNode }: AcceleratorReference): void {
  if (settings !== undefined && !isSettingValues(settings)) {
    throw new MultifdError(
      'usage',
      `accelerator ${name}: settings must be text, numbers, booleans and lists of text`,
    );
  }
  if (numaNode !== undefined && !(Number.isInteger(numaNode) && numaNode >= 0)) {
    throw new MultifdError(
      'usage',
      `accelerator ${name}: numaNode must be a whole number, is ${shown(numaNode)}`,
    );
  }
}

/** Anything else would be looked for from where this package lies. */
function isUrl(module: unknown): boolean {
  return typeof module === 'string' && /^[a-z][a-z0-9+.-]*:./i.test(module);
}

function noUrl(given: string, what: string): MultifdError {
  return new MultifdError('usage', `accelerator ${given}: ${what}`, {
    hint: "give the module's URL, as import.meta.resolve gives it, and the accelerator's name",
  });
}
