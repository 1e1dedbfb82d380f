import { createRequire } from 'node:module';
import { MultifdError } from '@multifd/core';
import type { NativeBinding } from './binding.js';

/** The addon, or why there is none. */
export type Loaded =
  | { readonly binding: NativeBinding }
  | { readonly reason: string; readonly fix: string; readonly cause?: unknown };

const EXPORTS = [
  'mapMemory',
  'unmapMemory',
  'heldMemory',
  'Memory',
  'NativeInterrupt',
  'NativeSocket',
  'NativeTracker',
  'NativeDigests',
];

const require = createRequire(import.meta.url);

let loaded: Loaded | undefined;

/** Loads the addon once for each thread: what this package's own build made, else the package for this platform. */
export function loadBinding(): Loaded {
  loaded ??= load(process.platform, process.arch);
  return loaded;
}

/** @throws MultifdError `io` where the addon is not there, with what to do as its hint. */
export function requireBinding(): NativeBinding {
  const result = loadBinding();
  if ('binding' in result) return result.binding;
  throw new MultifdError('io', `@multifd/host-linux cannot be used: ${result.reason}`, {
    hint: result.fix,
    cause: result.cause,
  });
}

/** As `loadBinding`, for any platform. Nothing is kept. */
export function load(platform: string, arch: string): Loaded {
  if (platform !== 'linux') {
    return {
      reason: `it is for Linux, this is ${platform}`,
      fix: 'use memory and sockets of Node itself here',
    };
  }
  return tryAll(`linux-${arch}-${hasGlibc() ? 'gnu' : 'musl'}`);
}

function tryAll(triple: string): Loaded {
  const places = [`../native/multifd-host.${triple}.node`, `@multifd/host-linux-${triple}`];
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
        ? `install @multifd/host-linux-${triple}, or build it from source: install Rust (rustup) and run \`pnpm build\``
        : 'build it again from source on this machine: install Rust (rustup) and run `pnpm build`',
    cause: new AggregateError(causes, 'no addon could be loaded'),
  };
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && Reflect.get(error, 'code') === 'MODULE_NOT_FOUND';
}

function isBinding(value: unknown): value is NativeBinding {
  if (typeof value !== 'object' || value === null) return false;
  return EXPORTS.every((name) => typeof Reflect.get(value, name) === 'function');
}

function hasGlibc(): boolean {
  const report: unknown = process.report.getReport();
  const header: unknown =
    typeof report === 'object' && report !== null ? Reflect.get(report, 'header') : undefined;
  return typeof header === 'object' && header !== null && 'glibcVersionRuntime' in header;
}
