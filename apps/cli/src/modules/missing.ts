import { statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { quote } from '../options/sizes.js';

/** What is missing where `resolveModule` found nothing. */
export interface Missing {
  readonly what: string;
  /** A file that may have been meant. */
  readonly meant: string | undefined;
}

const ENDINGS = ['.mjs', '.js', '/index.mjs'];

/** @param specifier a path, a `file:` URL or a package, as it was given. */
export function missing(specifier: string, cwd: string): Missing {
  const isUrl = specifier.startsWith('file:');
  if (!isUrl && !isPath(specifier)) {
    const what = `no package ${quote(specifier)} is installed for ${cwd}`;
    return {
      what,
      meant: ENDINGS.map((ending) => `./${specifier}${ending}`).find((path) => isFile(resolve(cwd, path))),
    };
  }
  const path = isUrl ? new URL(specifier).pathname : resolve(cwd, specifier);
  const kind = kindOf(path);
  if (kind === 'directory') {
    const manifest = join(path, 'package.json');
    const lacks = isFile(manifest) ? `the entry that ${manifest} names` : 'a package.json and an index.js';
    return { what: `the directory ${path} lacks ${lacks}`, meant: undefined };
  }
  const what = kind === 'other' ? `${path} is neither a file nor a directory` : `${path} does not exist`;
  const ending = isUrl ? undefined : ENDINGS.find((each) => isFile(`${path}${each}`));
  return { what, meant: ending === undefined ? undefined : `${specifier}${ending}` };
}

/** Whether a module is named by path rather than as a package. */
export function isPath(specifier: string): boolean {
  return /^\.{0,2}[/\\]|^\.{1,2}$/.test(specifier);
}

function isFile(path: string): boolean {
  return kindOf(path) === 'file';
}

function kindOf(path: string): 'file' | 'directory' | 'other' | undefined {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) return undefined;
  return found.isFile() ? 'file' : found.isDirectory() ? 'directory' : 'other';
}
