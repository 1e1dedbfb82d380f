import { globSync, readFileSync } from 'node:fs';
import { dirname, posix } from 'node:path';
import { describe, expect, test } from 'vitest';

/**
 * The folders of `src`, each importing only from its own row and from rows above it. `docs/architecture.md` says what is
 * in them. The files beside the folders are the first row.
 */
const ROWS: readonly (readonly string[])[] = [
  ['.'],
  ['wire'],
  ['ram'],
  ['limits'],
  ['thread'],
  ['transport'],
  ['zero'],
  ['methods'],
  ['send', 'recv'],
  ['engine'],
  ['entries', 'public'],
];

const SRC = new URL('../src/', import.meta.url);
const IMPORT = /(?:import|export)\s[^;]*?from '(\.[^']+)\.js'|import\('(\.[^']+)\.js'\)/g;

const folderOf = (file: string): string => file.split('/').slice(0, -1)[0] ?? '.';
const rowOf = (folder: string): number => ROWS.findIndex((row) => row.includes(folder));

interface Import {
  readonly from: string;
  readonly to: string;
}

function importsOf(from: string, text: string): Import[] {
  return [...text.matchAll(IMPORT)].map(([, static_, dynamic]) => ({
    from,
    to: posix.join(dirname(from), static_ ?? dynamic ?? ''),
  }));
}

/** A row may hold folders that mirror each other: they do not know each other either. */
function isAllowed({ from, to }: Import): boolean {
  const [own, other] = [folderOf(from), folderOf(to)];
  return own === other || rowOf(other) < rowOf(own);
}

const sources = globSync('**/*.ts', { cwd: SRC.pathname })
  .filter((file) => !file.endsWith('.d.ts'))
  .map((file) => ({ file, text: readFileSync(new URL(file, SRC), 'utf8') }));

describe('the folders of core', () => {
  test('each has its row', () => {
    const folders = new Set(sources.map(({ file }) => folderOf(file)));
    expect([...folders].sort()).toEqual(ROWS.flat().sort());
  });

  test('none imports from a row below its own', () => {
    const imports = sources.flatMap(({ file, text }) => importsOf(file, text));
    expect(imports.length).toBeGreaterThan(sources.length);
    expect(imports.filter((one) => !isAllowed(one))).toEqual([]);
  });

  test('only transport/ uses node:net; elsewhere its types may be named', () => {
    const users = sources.filter(({ text }) => /import (?!type )[^;]*from 'node:(?:net|tls)'/.test(text));
    expect(users.map(({ file }) => folderOf(file)).filter((folder) => folder !== 'transport')).toEqual([]);
    expect(users.length).toBeGreaterThan(0);
  });

  test('a destination does not know the relay: an entry chooses the role', () => {
    const imports = sources
      .filter(({ file }) => file.startsWith('engine/destination/'))
      .flatMap(({ file, text }) => importsOf(file, text));
    expect(imports.length).toBeGreaterThan(0);
    expect(imports.filter(({ to }) => to.startsWith('engine/relay/'))).toEqual([]);
  });

  test('an import that looks down, or at its mirror, is found', () => {
    const [down, across, up] = [
      "import { migrate } from '../engine/source/migrate.js';",
      "import { x } from '../recv/channel.js';",
      "import type {\n  A,\n  B,\n} from '../zero/accelerator.js';",
    ].map((text) => importsOf('send/side.ts', text)[0]);
    expect([down, across, up].map((one) => one !== undefined && isAllowed(one))).toEqual([
      false,
      false,
      true,
    ]);
  });
});
