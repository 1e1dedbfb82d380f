import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { MultifdError } from '@multifd/core';
import { withPath } from '../system-error.js';
import { filesOf, MANIFEST, type Manifest, parseManifest } from './manifest.js';

/** More than any guest's: 64 Ki blocks with names of 255 bytes. A file beyond it is not read. */
const LONGEST = 64 * 2 ** 20;

/** Names of the directory's images, sorted: everything that a `raw:` source would take for one. */
export function imageNames(what: string, directory: string): string[] {
  return withPath(`${what}: the directory cannot be read`, () => readdirSync(directory))
    .filter((name) => name.endsWith('.raw') && name !== '.raw')
    .sort();
}

/**
 * The directory's manifest; undefined: there is none, as in a directory of images that somebody else has made.
 * @throws MultifdError `usage` for a file of that name that is none.
 */
export function readManifest(what: string, directory: string): Manifest | undefined {
  const path = join(directory, MANIFEST);
  const text = withPath(`${what}: ${MANIFEST} cannot be read`, () => {
    const there = statSync(path, { throwIfNoEntry: false });
    if (there === undefined) return undefined;
    return there.isFile() && there.size <= LONGEST ? readFileSync(path, 'utf8') : 'no manifest';
  });
  return text === undefined ? undefined : parseManifest(text, path);
}

/**
 * The whole guest that the manifest describes is there, and nothing else is.
 * @throws MultifdError `usage` that names all that is wrong in one line.
 */
export function checkImages(what: string, directory: string, manifest: Manifest): void {
  if (manifest.state === 'naming') throw halfNamed(what);
  const ours = filesOf(manifest);
  const names = imageNames(what, directory);
  const there = new Set(names);
  const faults = [
    ...listed('missing', [...ours].filter((file) => !there.has(file)).sort()),
    ...listed(
      'not of this guest',
      names.filter((file) => !ours.has(file)),
    ),
    ...manifest.blocks.flatMap(({ file, size }) => {
      const has = there.has(file)
        ? statSync(join(directory, file), { throwIfNoEntry: false })?.size
        : undefined;
      return has === undefined || has === size ? [] : [`${file} has ${has} bytes and not ${size}`];
    }),
  ];
  if (faults.length === 0) return;
  throw new MultifdError('usage', `${what}: not the guest that ${MANIFEST} describes: ${faults.join('; ')}`, {
    hint: `put that right, or remove ${MANIFEST} if these images are one guest all the same`,
  });
}

function listed(fault: string, files: readonly string[]): string[] {
  return files.length === 0 ? [] : [`${fault}: ${files.join(', ')}`];
}

function halfNamed(what: string): MultifdError {
  return new MultifdError(
    'usage',
    `${what}: ${MANIFEST} says that a receive is giving the images their names, or was killed while it did: parts of two guests may be there`,
    {
      hint: `if none runs: "moves" in ${MANIFEST} has the hidden names of the old images and of the new ones; give those of one guest their names and remove ${MANIFEST}`,
    },
  );
}
