import { LEVEL as ZLIB_LEVEL } from '@multifd/codec-zlib';
import { LEVEL as ZSTD_LEVEL } from '@multifd/codec-zstd';
import { MultifdError } from '@multifd/core';
import { AUTO, loadMethod, methodsFor, methodsOf } from '@multifd/core/codec';
import { resolveModule } from '../modules/resolve-module.js';
import { quote } from '../options/sizes.js';
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
}

/** Settings of methods, under QEMU's names. */
export type CodecSettings = Readonly<Record<string, number>>;

/** The methods that come with the command, the modules that bring them, and their levels. */
const OURS = new Map([
  ['zlib', { module: import.meta.resolve('@multifd/codec-zlib'), level: ZLIB_LEVEL }],
  ['zstd', { module: import.meta.resolve('@multifd/codec-zstd'), level: ZSTD_LEVEL }],
]);

/** What `--multifd-compression` can be without a module. */
const KNOWN = ['none', ...OURS.keys(), AUTO];

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
  if (KNOWN.includes(requested)) {
    const module = OURS.get(requested)?.module;
    return open(requested, requested, module === undefined ? [] : [module]);
  }
  const module = resolveModule(requested, cwd);
  if (module === undefined) {
    throw new MultifdError(
      'codec-unavailable',
      `no compression is called ${quote(requested)}, and no module either; known here: ${KNOWN.join(', ')}`,
      { hint: 'a module is named by a path (./my-codec) or by a package installed where you are' },
    );
  }
  const methods = await methodsOf(module);
  const [method] = methods;
  if (method !== undefined && methods.length === 1) return open(requested, method.name, [module]);
  const names = methods.map((each) => each.name).join(', ');
  throw new MultifdError(
    'codec-unavailable',
    `${quote(requested)} brings ${methods.length} compression methods (${names}) and must bring one`,
  );
}

/** What cannot run here is left out: only `auto` may do that. */
async function chooseAuto(): Promise<CodecChoice> {
  // The faster one first: what it cannot compress, the other is not tried on.
  const modules = [...OURS.values()].map(({ module }) => module).toReversed();
  const methods = await methodsFor(AUTO, modules);
  const detail = `chosen while it sends, among ${methods.map(({ name }) => name).join(', ')}`;
  return { requested: AUTO, name: AUTO, detail, modules };
}

async function open(requested: string, name: string, modules: readonly string[]): Promise<CodecChoice> {
  // Answered well just now, or it had not been loaded: asked again for what it says of itself.
  const probe = await (await loadMethod(name, modules)).probe();
  return { requested, name, detail: probe.ok ? probe.detail : probe.reason, modules };
}

/** The level that this method runs at; undefined for one that has none of QEMU's. */
export function levelOf(name: string, settings: CodecSettings): number | undefined {
  const level = OURS.get(name)?.level;
  return level === undefined ? undefined : (settings[level.parameter] ?? level.usual);
}
