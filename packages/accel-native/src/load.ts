import { createRequire } from 'node:module';
import type { NativeBinding } from './binding.js';

/** The addon, or why there is none. */
export type Loaded =
  | { readonly binding: NativeBinding }
  | { readonly reason: string; readonly fix: string; readonly cause: unknown };

const require = createRequire(import.meta.url);

let loaded: Loaded | undefined;

/** Loads the addon once for each thread: what this package's own build made, else the package for this platform. */
export function loadBinding(): Loaded {
  loaded ??= tryAll(platformTriple());
  return loaded;
}

function tryAll(triple: string): Loaded {
  const places = [`../native/multifd-accel.${triple}.node`, `@multifd/accel-native-${triple}`];
  const causes: unknown[] = [];
  for (const place of places) {
    try {
      const binding: unknown = require(place);
      if (isBinding(binding)) return { binding };
      causes.push(new Error(`${place} is no addon of this package`));
    } catch (error) {
      causes.push(error);
    }
  }
  const broken = causes.find((each) => !isMissing(each));
  return {
    reason:
      broken instanceof Error
        ? `its addon for ${triple} cannot be loaded: ${broken.message.split('\n')[0]}`
        : `its addon is not there for ${triple}`,
    fix:
      broken === undefined
        ? `install @multifd/accel-native-${triple}, or build it from source: install Rust (rustup) and run \`pnpm build\`, which says what else is missing`
        : 'build it again from source on this machine: install Rust (rustup) and run `pnpm build`',
    cause: new AggregateError(causes, 'no addon could be loaded'),
  };
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && Reflect.get(error, 'code') === 'MODULE_NOT_FOUND';
}

function isBinding(value: unknown): value is NativeBinding {
  if (typeof value !== 'object' || value === null) return false;
  return ['kernels', 'Checker'].every((name) => typeof Reflect.get(value, name) === 'function');
}

/** As `napi build --platform` names its output. */
export function platformTriple(
  platform: string = process.platform,
  arch: string = process.arch,
  glibc: boolean = hasGlibc(),
): string {
  if (platform === 'linux') return `linux-${arch}-${glibc ? 'gnu' : 'musl'}`;
  return platform === 'win32' ? `win32-${arch}-msvc` : `${platform}-${arch}`;
}

function hasGlibc(): boolean {
  if (process.platform !== 'linux') return false;
  const report: unknown = process.report.getReport();
  const header: unknown =
    typeof report === 'object' && report !== null ? Reflect.get(report, 'header') : undefined;
  return typeof header === 'object' && header !== null && 'glibcVersionRuntime' in header;
}
