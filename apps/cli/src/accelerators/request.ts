import { type AcceleratorRegistry, MultifdError, type Settings, type SettingValues } from '@multifd/core';
import { didYouMean } from '../options/suggest.js';
import { findModule } from './find-module.js';
import { isSettings, parseSettings } from './settings-text.js';

/** What `--accel` asks for. */
export interface AcceleratorRequest {
  /** For the registry: `auto`, a name that is known here, `MODULE` or `MODULE:NAME` with the module's URL. */
  readonly asked: string;
  /** Whether it comes with the command. */
  readonly isOurs: boolean;
  /** What the accelerator is told; undefined: nothing. */
  readonly settings: SettingValues | undefined;
}

/**
 * Reads `NAME`, `MODULE` or `MODULE:NAME`, with `:SETTINGS` behind it or not. Names may have a colon: the longest that
 * is known wins.
 * @throws MultifdError `accelerator-unavailable` for a name or module that is not there, `usage` for settings that the
 *   accelerator does not take.
 */
export async function readRequest(
  requested: string,
  cwd: string,
  registry: AcceleratorRegistry,
): Promise<AcceleratorRequest> {
  const known = await registry.settings();
  const ours = splitName(requested, new Map([...known, ['auto', {}]]));
  if (ours !== undefined && (ours.rest === undefined || isSettings(ours.rest, ours.declared))) {
    return { asked: ours.name, isOurs: true, settings: told(ours) };
  }
  const { module, rest } = findModule(requested, cwd, [...known.keys()]);
  const isOurs = false;
  // As it was typed.
  const listing = `multifd accel list --accel ${requested.slice(0, requested.length - (rest?.length ?? 0) - 1)}`;
  if (rest === undefined) return { asked: module, isOurs, settings: undefined };
  const theirs = await registry.settings(module);
  const named = splitName(rest, theirs);
  if (named !== undefined)
    return { asked: `${module}:${named.name}`, isOurs, settings: told(named, listing) };
  const { name, settings } = firstThatTakes(rest, theirs, module, listing);
  return { asked: `${module}:${name}`, isOurs, settings };
}

interface Named {
  readonly name: string;
  readonly declared: Settings;
  /** What stands behind the name and a colon. */
  readonly rest: string | undefined;
}

function splitName(text: string, known: ReadonlyMap<string, Settings>): Named | undefined {
  const fits = [...known.keys()].filter((name) => text === name || text.startsWith(`${name}:`));
  const name = fits.toSorted((one, other) => other.length - one.length)[0];
  if (name === undefined) return undefined;
  const rest = text === name ? undefined : text.slice(name.length + 1);
  return { name, declared: known.get(name) ?? {}, rest };
}

function told({ name, declared, rest }: Named, listing?: string): SettingValues | undefined {
  return rest === undefined ? undefined : parseSettings(rest, `accelerator ${name}`, declared, listing);
}

/**
 * Settings without a name are for the first of a module's accelerators that takes them. If none has any, core says so of
 * the first.
 */
function firstThatTakes(
  text: string,
  all: ReadonlyMap<string, Settings>,
  module: string,
  listing: string,
): { name: string; settings: SettingValues } {
  const having = [...all].filter(([, declared]) => Object.keys(declared).length > 0);
  let untaken: unknown;
  for (const [name, declared] of having.length === 0 ? [...all].slice(0, 1) : having) {
    if (!isSettings(text, declared)) continue;
    try {
      return { name, settings: parseSettings(text, `accelerator ${name}`, declared, listing) };
    } catch (error) {
      untaken ??= error;
    }
  }
  if (untaken !== undefined) throw untaken;
  const names = [...all.keys()];
  throw new MultifdError(
    'accelerator-unavailable',
    `no accelerator is called ${module}:${text}; known here: ${names.join(', ')}`,
    { hint: didYouMean(text, names, 'name one of these, or none for the first that can run') },
  );
}
