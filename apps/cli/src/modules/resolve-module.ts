import { readFileSync, type Stats, statSync } from 'node:fs';
import { createRequire, findPackageJSON } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { MultifdError } from '@multifd/core';
import { isRecord } from '../guards.js';
import { quote } from '../options/sizes.js';
import { withPath } from '../system-error.js';
import { isPath } from './missing.js';

/** Conditions of `exports` that hold for an import in Node. */
const CONDITIONS = ['node', 'import', 'module-sync', 'default'];

/**
 * The URL that any thread can import for a module named on the command line: a file, a directory or a package.
 * Node's own `import.meta.resolve` looks from the file that it stands in, and this one has to look from `cwd`.
 *
 * @returns undefined if there is no such module. Whether it can be imported is seen when it is.
 * @throws MultifdError `usage` for a URL that is none of a file here, or a path that the system refuses.
 */
export function resolveModule(specifier: string, cwd: string): string | undefined {
  if (specifier.startsWith('file:')) return existingFile(pathOf(specifier));
  if (isPath(specifier)) return fileOrDirectory(resolve(cwd, specifier));
  return packageEntry(specifier, join(cwd, 'noop.js'));
}

function pathOf(url: string): string {
  try {
    return fileURLToPath(url);
  } catch (cause) {
    throw new MultifdError('usage', `module ${quote(url)}: not the URL of a file on this machine`, {
      hint: 'write file:///PATH, or a path (./my-module)',
      cause,
    });
  }
}

function fileOrDirectory(path: string): string | undefined {
  return statOf(path)?.isDirectory() ? directoryEntry(path) : existingFile(path);
}

function packageEntry(specifier: string, from: string): string | undefined {
  const manifest = quietly(() => findPackageJSON(specifier, pathToFileURL(from)));
  const [scope = '', name = ''] = specifier.split('/');
  const bare = scope.startsWith('@') ? `${scope}/${name}` : scope;
  if (manifest !== undefined && bare === specifier) return directoryEntry(dirname(manifest));
  const path = quietly(() => createRequire(from).resolve(specifier));
  return path?.startsWith('/') || path?.includes('\\') ? existingFile(path) : undefined;
}

function directoryEntry(directory: string): string | undefined {
  const manifest: unknown = quietly(() => JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8')));
  if (!isRecord(manifest)) return existingFile(join(directory, 'index.js'));
  const exported = manifest.exports === undefined ? undefined : exportedEntry(manifest.exports);
  const main = typeof manifest.main === 'string' ? manifest.main : 'index.js';
  return existingFile(join(directory, exported ?? main));
}

/** The `.` entry of `exports`: a path, conditions, or subpaths. */
function exportedEntry(exported: unknown): string | undefined {
  if (typeof exported === 'string') return exported;
  if (!isRecord(exported)) return undefined;
  if ('.' in exported) return exportedEntry(exported['.']);
  for (const [condition, value] of Object.entries(exported)) {
    const entry = CONDITIONS.includes(condition) ? exportedEntry(value) : undefined;
    if (entry !== undefined) return entry;
  }
  return undefined;
}

function existingFile(path: string): string | undefined {
  return statOf(path)?.isFile() ? pathToFileURL(path).href : undefined;
}

function statOf(path: string): Stats | undefined {
  return withPath(`module ${quote(path)}: cannot be reached`, () =>
    statSync(path, { throwIfNoEntry: false }),
  );
}

function quietly<T>(call: () => T): T | undefined {
  try {
    return call();
  } catch {
    return undefined;
  }
}
