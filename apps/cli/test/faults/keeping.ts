import { execFile } from 'node:child_process';
import { cpSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Target } from './cases.ts';
import type { Place } from './place.ts';
import { Program } from './program.ts';

const CLI = fileURLToPath(new URL('../../dist/cli.js', import.meta.url));
const FILE = 'guest.mig';
const STORE = 'guests';
const NAME = 'guest';

/** What a destination has kept. */
export interface Kept {
  /** The exit code of what reads it; undefined: it is not there. */
  readonly inspected: number | null | undefined;
  /** What is wrong with what was there before, one line each. */
  readonly faults: readonly string[];
}

/** Where a destination keeps its guest, and how one looks at it. */
export interface Keeping {
  /** For the command. */
  readonly words: readonly string[];
  /** Whether it belongs there. @param name from the folder of what is received. */
  isExpected(name: string): boolean;
  look(): Promise<Kept>;
}

/** @param parent folder for all cases. */
export async function keepingFor(target: Target, place: Place, parent: string): Promise<Keeping> {
  return target === 'file' ? inFile(place) : inStore(place, await storeBefore(parent));
}

function inFile(place: Place): Keeping {
  const path = place.kept(FILE);
  return {
    words: [`file:${place.target(FILE)}`],
    isExpected: (name) => name === FILE,
    look: async () => ({
      inspected: existsSync(path) ? (await run(['inspect', path])).code : undefined,
      faults: [],
    }),
  };
}

/** The name has a snapshot: it has the new one or the old one, and either is whole. */
function inStore(place: Place, before: string): Keeping {
  const store = place.kept(STORE);
  cpSync(before, store, { recursive: true });
  const belongs = new RegExp(
    `^${STORE}(/(multifd-store\\.json|leases|partial|packs(/.*)?|snapshots(/${NAME})?))?$`,
  );
  return {
    words: [`store:${place.target(STORE)}#${NAME}`, '--force'],
    isExpected: (name) => belongs.test(name),
    look: async () => {
      const old = await idIn(before);
      const faults: string[] = [];
      place.free();
      // Whoever was killed has left a lease, and packs that nobody needs: with them, and without.
      for (const word of ['verify', 'gc', 'verify']) {
        const { code, stderr } = await run(['store', word, store]);
        if (code !== 0) faults.push(`store ${word}: exit code ${code}: ${stderr}`);
      }
      const now = await idIn(store);
      if (now === undefined) faults.push('neither the old snapshot is there, nor a new one');
      return { inspected: now === undefined || now === old ? undefined : 0, faults };
    },
  };
}

let making: Promise<string> | undefined;

/** A store with a snapshot of the name that all want. */
function storeBefore(parent: string): Promise<string> {
  making ??= makeStore(parent);
  return making;
}

async function makeStore(parent: string): Promise<string> {
  const store = join(parent, 'before');
  const receiving = new Program('destination', ['receive', 'tcp:127.0.0.1:0', `store:${store}#${NAME}`], {});
  const source = new Program('source', ['migrate', 'demo:4M', await receiving.address()], {});
  await Promise.all([receiving.ended, source.ended]);
  if ((await idIn(store)) === undefined) throw new Error('no store was made');
  return store;
}

async function idIn(store: string): Promise<string | undefined> {
  const { stdout } = await run(['store', 'show', `${store}#${NAME}`, '--json']);
  return /"id": "([0-9a-f]{64})"/.exec(stdout)?.[1];
}

async function run(words: readonly string[]) {
  const child = promisify(execFile)(process.execPath, [CLI, ...words]);
  const ended = await child.catch((error: unknown) => textsOf(error));
  return { code: child.child.exitCode, ...ended };
}

/** What a command that fails has said. */
function textsOf(error: unknown): { readonly stdout: string; readonly stderr: string } {
  const text = (name: string): string =>
    typeof error === 'object' && error !== null ? String(Reflect.get(error, name)) : '';
  return { stdout: text('stdout'), stderr: text('stderr') };
}
