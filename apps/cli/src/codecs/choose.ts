import { MultifdError } from '@multifd/core';
import { AUTO, loadMethod, type MethodSetting, methodsFor, methodsOf } from '@multifd/core/codec';
import { isPath, missing } from '../modules/missing.js';
import { resolveModule } from '../modules/resolve-module.js';
import type { CodecSettings } from '../options/compression.js';
import { quote } from '../options/sizes.js';
import { didYouMean } from '../options/suggest.js';
import { unlessInterrupted } from './unless-interrupted.js';

/** A MultiFD method that was asked for, is here, and can run. */
export interface CodecChoice {
  /** As it was asked for: a name, or a module. */
  readonly requested: string;
  /** The value of `multifd-compression`. */
  readonly name: string;
  /** What runs, one line. */
  readonly detail: string;
  /** URLs of the modules that bring it: none for `none`. */
  readonly modules: readonly string[];
  /** What may be set, of all methods that may run. */
  readonly declared: readonly MethodSetting[];
}

/** The methods that come with the command, and the modules that bring them. */
const OURS = new Map([
  ['zlib', import.meta.resolve('@multifd/codec-zlib')],
  ['zstd', import.meta.resolve('@multifd/codec-zstd')],
]);

/** What to do about a name that nobody has. */
const NAME_A_MODULE =
  'name a module by its path (./my-codec), or by its package if that is installed in the working directory';

/** What `--multifd-compression` can be without a module. */
export const CODECS = ['none', ...OURS.keys(), AUTO];

/**
 * Finds what `--multifd-compression` asks for: a name that is known here, or a module that brings one method (a path,
 * or a package that `cwd` can import).
 *
 * @param signal the user's wish to stop.
 * @throws MultifdError `codec-unavailable`: what was named is used or refused; `cancelled`.
 */
export async function chooseCodec(requested: string, cwd: string, signal: AbortSignal): Promise<CodecChoice> {
  return unlessInterrupted(choose(requested, cwd), signal);
}

async function choose(requested: string, cwd: string): Promise<CodecChoice> {
  if (requested === AUTO) return chooseAuto();
  if (CODECS.includes(requested)) {
    const module = OURS.get(requested);
    return open(requested, requested, module === undefined ? [] : [module]);
  }
  const module = resolveModule(requested, cwd);
  if (module === undefined) {
    const { what, meant } = missing(requested, cwd);
    const isModule = isPath(requested) || requested.startsWith('file:');
    throw new MultifdError(
      'codec-unavailable',
      isModule
        ? `no module ${quote(requested)}: ${what}`
        : `no compression method or module is called ${quote(requested)}; known here: ${CODECS.join(', ')}`,
      { hint: meant === undefined ? didYouMean(requested, CODECS, NAME_A_MODULE) : `did you mean ${meant}?` },
    );
  }
  const methods = await methodsOf(module);
  const [method] = methods;
  if (method !== undefined && methods.length === 1) return open(requested, method.name, [module]);
  const names = methods.map((each) => each.name).join(', ');
  throw new MultifdError(
    'codec-unavailable',
    `${quote(requested)} has ${methods.length} compression methods (${names}) and must have one`,
  );
}

/** What cannot run here is left out: only `auto` may do that. */
async function chooseAuto(): Promise<CodecChoice> {
  // The faster one first: what it cannot compress, the other is not tried on.
  const modules = [...OURS.values()].toReversed();
  const methods = await methodsFor(AUTO, modules);
  const detail = `chosen while it sends, among ${methods.map(({ name }) => name).join(', ')}`;
  return {
    requested: AUTO,
    name: AUTO,
    detail,
    modules,
    declared: methods.flatMap(({ settings = [] }) => settings),
  };
}

async function open(requested: string, name: string, modules: readonly string[]): Promise<CodecChoice> {
  // Answered well just now, or it had not been loaded: asked again for what it says of itself.
  const method = await loadMethod(name, modules);
  const probe = await method.probe();
  const detail = probe.ok ? probe.detail : probe.reason;
  return { requested, name, detail, modules, declared: method.settings ?? [] };
}

/** Whether this method does not come with the command. */
export function isForeign({ modules }: CodecChoice): boolean {
  return modules.some((module) => ![...OURS.values()].includes(module));
}

/** The level that this method runs at; undefined for one that has none of QEMU's. */
export function levelOf(
  name: string,
  declared: readonly MethodSetting[],
  settings: CodecSettings,
): number | undefined {
  const level = declared.find((each) => each.name === `multifd-${name}-level`);
  return level === undefined ? undefined : (settings[level.name] ?? level.usual);
}
