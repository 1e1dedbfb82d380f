import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { MultifdError } from '@multifd/core';
import type { Random } from '@multifd/testing/random';
import { exitCodeOf } from '../../../src/exit-codes.ts';
import { pick } from '../grammar/bytes.ts';
import { type Ended, faultsOf, startProgram } from '../program.ts';
import { hostileStore, type StoreScenario } from '../store-scenario.ts';
import { changesOfStore, type Guest, isWhole } from './store.ts';
import { changesOf, makeStore, printsOf } from './store-folder.ts';

const COMMANDS = ['ls', 'show', 'diff', 'verify', 'gc', 'export file', 'export raw', 'migrate'] as const;
const CLASSES = ['usage', 'protocol', 'incompatible', 'io', 'guest', 'peer-closed'] as const;
/** Error and hint; and what an export into images says of the device state. */
const MOST_LINES = 3;

interface StorePlayed {
  readonly ended: Ended;
  readonly scenario: StoreScenario;
  readonly faults: readonly string[];
  readonly guest: true;
}

/** One of the commands that read a store, or gc, in a folder of its own. */
export async function storeCommand(
  random: Random,
  folder: string,
  temporary: string,
  keep?: readonly number[],
): Promise<StorePlayed> {
  const scenario = hostileStore(random, keep);
  const command = pick(random, COMMANDS);
  const guest = pick(random, scenario.guests);
  const { store, outside } = makeStore(folder, scenario.folder);
  const before = printsOf(store);
  const beside = printsOf(outside);
  const whole = scenario.guests.filter((each) => isWhole(store, each));
  const out = join(folder, 'guest-out');
  const json = command === 'ls' || command === 'verify' ? random.int(2) === 0 : true;
  const words = [...wordsOf(command, store, guest.name, out), ...(json ? ['--json'] : [])];
  const ended = await startProgram(words, temporary).ended;
  const isDone = ended.code === 0;
  const kept = command === 'gc' && isDone ? whole : undefined;
  const isOther = command === 'export raw' && isDone && whole.includes(guest) && !isExported(out, guest);
  const faults = [
    ...faultsOf(ended, MOST_LINES),
    ...(json ? faultsOfCode(ended) : []),
    ...(isOther ? [`${guest.name}: exported with other bytes`] : []),
    ...changesOfStore(before, printsOf(store), kept),
    ...changesOf(beside, printsOf(outside)).map((line) => `outside of the store: ${line}`),
  ].map((fault) => `${command}: ${fault}`);
  return { ended, scenario, faults, guest: true };
}

function wordsOf(command: (typeof COMMANDS)[number], store: string, name: string, out: string): string[] {
  switch (command) {
    case 'ls':
    case 'verify':
    case 'gc':
      return ['store', command, store];
    case 'show':
      return ['store', 'show', `${store}#${name}`];
    case 'diff':
      return ['store', 'diff', `${store}#a`, `${store}#${name}`];
    case 'export file':
      return ['store', 'export', `${store}#${name}`, `file:${out}`];
    case 'export raw':
      return ['store', 'export', `${store}#${name}`, `raw:${out}`];
    case 'migrate':
      return ['migrate', `store:${store}#${name}`];
  }
}

function isExported(out: string, { blocks }: Guest): boolean {
  return ['pc.ram', 'pc.bios'].every(
    (name, at) =>
      Buffer.compare(readFileSync(join(out, `${name}.raw`)), blocks[at] ?? new Uint8Array(0)) === 0,
  );
}

/** The document and the exit code say the same. */
function faultsOfCode({ code, stdout }: Ended): readonly string[] {
  const [, found] = /"error-class": "([^"]+)"/.exec(stdout) ?? [];
  if (found === undefined) return code === 0 ? [] : [`exit code ${String(code)}, and no class of an error`];
  const known = CLASSES.find((each) => each === found);
  if (known === undefined) return [`an error of class ${found}`];
  const expected = exitCodeOf(new MultifdError(known, 'x'));
  return code === expected ? [] : [`exit code ${String(code)} for ${found}, and not ${expected}`];
}
