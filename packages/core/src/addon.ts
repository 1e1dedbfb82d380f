import { accessSync, constants } from 'node:fs';
import { createRequire } from 'node:module';
import { type AddonFault, addonRemedy, installedPackage } from './addon-remedy.js';
import { readElf } from './elf.js';

/** A package's native addon, or why it could not be loaded. */
export type LoadedAddon<Binding> =
  | { readonly binding: Binding }
  | { readonly reason: string; readonly fix: string; readonly cause: unknown };

export interface AddonPlace<Binding> {
  /** `import.meta.url` of a module in the package's `src` or `dist`. */
  readonly from: string;
  /** `binaryName` of napi: `multifd-accel`. */
  readonly binary: string;
  /** The package's name; its platform packages append the platform triple. */
  readonly packageName: string;
  isBinding(value: unknown): value is Binding;
}

/**
 * Loads a package's addon for this platform: the one that its own build has put into `native`, else the platform
 * package's. Does not throw. Call it once in each thread.
 */
export function loadAddon<Binding>(place: AddonPlace<Binding>): LoadedAddon<Binding> {
  const { from, binary, packageName, isBinding } = place;
  const require = createRequire(from);
  const triple = platformTriple();
  const causes: unknown[] = [];
  for (const path of [`../native/${binary}.${triple}.node`, `${packageName}-${triple}`]) {
    try {
      checkWhole(require.resolve(path));
      const binding: unknown = require(path);
      if (isBinding(binding)) return { binding };
      causes.push(new Error(`${path} is no addon of this package`));
    } catch (error) {
      causes.push(error);
    }
  }
  const broken = causes.find((each) => !isMissing(each));
  const installed = installedPackage(from, manifestOf(require));
  return {
    reason:
      broken instanceof Error
        ? `its addon for ${triple} cannot be loaded: ${broken.message.split('\n')[0]}`
        : `its addon is not there for ${triple}`,
    fix: addonRemedy(faultOf(broken), { packageName, triple, installed }),
    cause: new AggregateError(causes, 'no addon could be loaded'),
  };
}

function manifestOf(require: NodeJS.Require): unknown {
  try {
    return require('../package.json');
  } catch {
    return undefined;
  }
}

/** A file that an installation or a copy has not finished. */
class CutShort extends Error {}
class Unreadable extends Error {}

function faultOf(error: unknown): AddonFault {
  if (error === undefined) return 'missing';
  if (error instanceof Unreadable) return 'unreadable';
  return error instanceof CutShort ? 'cut short' : 'broken';
}

function mayRead(path: string): boolean {
  try {
    accessSync(path, constants.R_OK);
    return true;
  } catch {
    return false;
  }
}

/**
 * Refuses a library that is not whole. The loader maps a library and then writes to it: past the end of a truncated one,
 * SIGBUS would kill the process without a message; and SIGSEGV where its end is zeros.
 */
function checkWhole(path: string): void {
  if (!mayRead(path)) throw new Unreadable(`${path}: this user may not read it (EACCES)`);
  const elf = readElf(path);
  if (elf === undefined) return;
  if (elf.size < elf.needed)
    throw new CutShort(`${path} is cut short: it has ${elf.size} bytes of ${elf.needed}`);
  if (elf.endsInZeros) throw new CutShort(`${path} is cut short: its end is zeros`);
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && Reflect.get(error, 'code') === 'MODULE_NOT_FOUND';
}

/** Whether a value, such as an addon's exports, has functions of these names. */
export function exportsFunctions(value: unknown, names: readonly string[]): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return names.every((name) => typeof Reflect.get(value, name) === 'function');
}

/** The platform's name, as in the output of `napi build --platform`. */
export function platformTriple(
  platform: string = process.platform,
  arch: string = process.arch,
  glibc: boolean = hasGlibc(),
): string {
  if (platform === 'linux') return `linux-${arch}-${glibc ? 'gnu' : 'musl'}`;
  return platform === 'win32' ? `win32-${arch}-msvc` : `${platform}-${arch}`;
}

/**
 * Whether Node runs on glibc: read from the start of Node's own executable. `process.report` knows it too, but first
 * looks up the peer of every open socket in DNS and asks every other thread for its stack: a paused guest would wait
 * for both.
 */
function hasGlibc(): boolean {
  if (process.platform !== 'linux') return false;
  return !/\/ld-musl-/.test(readElf(process.execPath)?.loader ?? '');
}
